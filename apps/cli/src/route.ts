/** Global flags that take a value; they may stand before the command too. */
const globalOptions = new Set(['--api-key', '--api-url', '--profile', '--timeout'])
const helpFlags = new Set(['--help', '-h'])

/** Of `exec`: flags that take a value. Everything from the first word after the container is the command's. */
export const execOptions = new Set([
  ...globalOptions,
  '-e',
  '--env',
  '-w',
  '--workdir',
  '-u',
  '--user',
  '--max-output',
])

/** Commands that run a command in a container, which comes last. */
export const execIds: ReadonlySet<string> = new Set(['exec', 'ssh'])
/** Commands that end with the exit code of what runs in a container. */
export const followIds: ReadonlySet<string> = new Set([...execIds, 'sessions:attach', 'sessions:wait'])

export interface RouteTable {
  /** Command ids, words joined by ":"; aliases included. */
  readonly commandIds: ReadonlySet<string>
  readonly isExec: (id: string) => boolean
}

export type Route =
  | { readonly kind: 'command'; readonly id: string; readonly argv: string[] }
  | { readonly kind: 'help'; readonly id: string }
  | { readonly kind: 'version'; readonly argv: string[] }
  | { readonly kind: 'unknown'; readonly words: string[] }

/** Finds what an argument vector asks for, without looking at any command's own flags. */
export function findRoute(argv: readonly string[], { commandIds, isExec }: RouteTable): Route {
  const { leading, rest } = splitLeadingFlags(argv)
  const words = takeWords(rest)
  const first = words[0]
  if (first === undefined) {
    const isVersion = leading.includes('--version')
    return isVersion
      ? { kind: 'version', argv: leading.filter((flag) => flag !== '--version') }
      : { kind: 'help', id: '' }
  }
  if (first === 'help') return routeHelp(words.slice(1), commandIds)

  const id = longestId(words, (candidate) => commandIds.has(candidate))
  if (id === undefined) {
    const topic = words.join(':')
    return isTopic(topic, commandIds) ? { kind: 'help', id: topic } : { kind: 'unknown', words }
  }
  const own = rest.slice(id.split(':').length)
  const args = [...leading, ...(isExec(id) ? separateCommand(own) : own)]
  return asksForHelp(args) ? { kind: 'help', id } : { kind: 'command', id, argv: args }
}

function routeHelp(words: string[], commandIds: ReadonlySet<string>): Route {
  const id = words.join(':')
  const isKnown = id === '' || commandIds.has(id) || isTopic(id, commandIds)
  return isKnown ? { kind: 'help', id } : { kind: 'unknown', words }
}

function splitLeadingFlags(argv: readonly string[]): { leading: string[]; rest: string[] } {
  let end = 0
  while (end < argv.length && argv[end]?.startsWith('-') && argv[end] !== '--') {
    end += globalOptions.has(argv[end] ?? '') ? 2 : 1
  }
  return { leading: argv.slice(0, end), rest: argv.slice(end) }
}

function takeWords(argv: readonly string[]): string[] {
  const end = argv.findIndex((argument) => argument.startsWith('-'))
  return argv.slice(0, end === -1 ? undefined : end)
}

function longestId(words: readonly string[], isKnown: (id: string) => boolean): string | undefined {
  for (let count = words.length; count > 0; count--) {
    const id = words.slice(0, count).join(':')
    if (isKnown(id)) return id
  }
  return undefined
}

const isTopic = (id: string, commandIds: ReadonlySet<string>): boolean =>
  [...commandIds].some((candidate) => candidate.startsWith(`${id}:`))

function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).some((argument) => helpFlags.has(argument))
}

/** Puts `--` before the command of `exec` where the user left it out, so that its flags stay its own. */
export function separateCommand(argv: readonly string[]): string[] {
  let hasContainer = false
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? ''
    if (argument === '--') return [...argv]
    if (argument.startsWith('-') && argument !== '-') {
      if (takesNext(argument)) index++
      continue
    }
    if (hasContainer) return [...argv.slice(0, index), '--', ...argv.slice(index)]
    hasContainer = true
  }
  return [...argv]
}

/** `-e KEY=VALUE` and `-qe KEY=VALUE` do, `-eKEY=VALUE` and `--env=KEY=VALUE` do not. */
function takesNext(flag: string): boolean {
  if (flag.startsWith('--')) return execOptions.has(flag)
  const letters = flag.slice(1)
  const position = Array.from(letters).findIndex((letter) => execOptions.has(`-${letter}`))
  return position !== -1 && position === letters.length - 1
}

/** What is ours, and what is the command's. */
export function splitAtSeparator(argv: readonly string[]): { own: string[]; command: string[] } {
  const at = argv.indexOf('--')
  const own = argv.slice(0, at === -1 ? undefined : at)
  return { own, command: at === -1 ? [] : argv.slice(at + 1) }
}
