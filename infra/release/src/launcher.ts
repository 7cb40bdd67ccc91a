/**
 * The script that starts a program of an archive with the archive's own Node. Run by hand it has the settings that it has as
 * a service, as far as they may be read; what is set already stays.
 */
export const toLauncher = (app: string): string => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
settings=\${GPULAB_ROOT:-}/etc/gpulab/${app}.env
if [ -r "$settings" ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in *=*) ;; *) continue ;; esac
    name=\${line%%=*}
    value=\${line#*=}
    case $name in '' | *[!A-Z_]*) continue ;; esac
    case $value in '"'*'"' | "'"*"'") value=\${value#?} && value=\${value%?} ;; esac
    eval "[ -n \\"\\\${$name+set}\\" ]" || export "$name=$value"
  done <"$settings"
fi
exec "$here/node" "$here/${app}/main.js" "$@"
`
