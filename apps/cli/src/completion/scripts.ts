export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** Each asks the program for what may come next; a candidate a line. */
export const completionScripts: Readonly<Record<Shell, string>> = {
  bash: `# gpulab completion bash > ~/.local/share/bash-completion/completions/gpulab
_gpulab() {
  local IFS=$'\\n'
  COMPREPLY=($(GPULAB_COMPLETE=1 gpulab -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
  local index
  for index in "\${!COMPREPLY[@]}"; do printf -v "COMPREPLY[index]" %q "\${COMPREPLY[index]}"; done
  [[ \${#COMPREPLY[@]} -gt 0 ]] || compopt -o default 2>/dev/null
}
complete -F _gpulab gpulab
`,
  zsh: `#compdef gpulab
# gpulab completion zsh > ~/.zfunc/_gpulab, with fpath+=(~/.zfunc) before compinit
_gpulab() {
  local -a candidates
  candidates=("\${(@f)$(GPULAB_COMPLETE=1 gpulab -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$candidates[1]" ]]; then compadd -a candidates; else _files; fi
}
if [[ "$funcstack[1]" = _gpulab ]]; then _gpulab "$@"; else compdef _gpulab gpulab; fi
`,
  fish: `# gpulab completion fish > ~/.config/fish/completions/gpulab.fish
function __gpulab_complete
  set -l words (commandline -opc) (commandline -ct)
  GPULAB_COMPLETE=1 gpulab -- $words[2..-1] 2>/dev/null
end
complete -c gpulab -a '(__gpulab_complete)'
`,
}
