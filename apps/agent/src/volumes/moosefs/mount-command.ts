/** A MooseFS cell, as the operator has named it. */
export interface Cell {
  readonly host: string
  readonly port: string
  /** The folder in it that holds our volumes; absolute, without a slash at its end. */
  readonly folder: string
  readonly passwordFile: string | undefined
}

const portDefault = '9421'

export function toCell(
  master: string,
  { folder, passwordFile }: Pick<Cell, 'folder' | 'passwordFile'>,
): Cell {
  const [, host = master, port = portDefault] = /^(.+):(\d+)$/.exec(master) ?? []
  return { host, port, folder: folder.replace(/\/+$/, ''), passwordFile }
}

/** Seconds after which an operation fails that the cell does not answer: nothing else ends what waits for it. */
const timeoutSeconds = 30
/** MiB; the default of 256 each is far too much for a mount of every volume. */
const cacheMib = 32

/**
 * Mounts a folder of the cell. The process that serves the mount shall live on without the agent: it leaves the agent's
 * session by itself, and under systemd, which would end it with the agent's unit, it gets a unit of its own.
 */
export function toMountCommand(
  { host, port, passwordFile }: Cell,
  {
    path,
    target,
    unit,
  }: { readonly path: string; readonly target: string; readonly unit: string | undefined },
): [program: string, args: string[]] {
  const options = [
    `mfstimeout=${timeoutSeconds}`,
    `mfswritecachesize=${cacheMib}`,
    `mfsreadaheadsize=${cacheMib}`,
    // As any other process: neither before all others, nor spared when memory is short.
    'mfsnice=0',
    'mfsallowoomkiller',
    'nosuid',
    'nodev',
    ...(passwordFile === undefined ? [] : [`mfspassfile=${passwordFile}`]),
  ]
  const args = [target, '-H', host, '-P', port, '-S', path, '-o', options.join(',')]
  if (unit === undefined) return ['mfsmount', args]
  return ['systemd-run', ['--scope', '--quiet', '--collect', `--unit=${unit}`, '--', 'mfsmount', ...args]]
}
