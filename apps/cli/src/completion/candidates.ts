/** A flag, as the framework describes it. */
export interface FlagShape {
  readonly type: string
  readonly char?: string | undefined
  readonly options?: readonly string[] | undefined
}

export interface CommandShape {
  readonly flags: Readonly<Record<string, FlagShape>>
  /** Names of its arguments in order. */
  readonly args: readonly string[]
  readonly isMultiple: boolean
}

/** What can be asked for. */
export type NameKind = 'container' | 'template' | 'gpu-type' | 'host' | 'session'

export type Wanted =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'names'; readonly of: NameKind; readonly prefix: string }

const namesOfFlags: Readonly<Record<string, NameKind>> = {
  template: 'template',
  'gpu-type': 'gpu-type',
  host: 'host',
}
const namesOfArgs: Readonly<Record<string, NameKind>> = {
  container: 'container',
  containers: 'container',
  host: 'host',
  template: 'template',
}

const words = (list: readonly string[], prefix: string): Wanted => ({
  kind: 'words',
  words: [...new Set(list)].filter((word) => word.startsWith(prefix)).toSorted(),
})

/** The next words of command names that begin like this: of "ho" and "hosts:add", "hosts". */
export function completeCommand(typed: readonly string[], ids: Iterable<string>): Wanted {
  const before = typed.slice(0, -1)
  const matching = [...ids]
    .map((id) => id.split(':'))
    .filter((parts) => before.every((word, at) => parts[at] === word))
  const next = matching.flatMap((parts) => parts[before.length] ?? [])
  return words(before.length === 0 ? [...next, 'help'] : next, typed.at(-1) ?? '')
}

/** What may come after the words of a command; the last one is being typed. */
export function completeArguments(typed: readonly string[], command: CommandShape): Wanted {
  const current = typed.at(-1) ?? ''
  const before = typed.slice(0, -1)
  // All that comes then is another program's.
  if (before.includes('--')) return { kind: 'words', words: [] }
  const open = openFlag(before.at(-1), command)
  if (open) {
    const names = namesOfFlags[open.name]
    if (names) return { kind: 'names', of: names, prefix: current }
    return words(open.flag.options ?? [], current)
  }
  if (current.startsWith('-'))
    return words(
      Object.keys(command.flags).map((name) => `--${name}`),
      current,
    )
  const count = countArguments(before, command)
  const name = command.args[command.isMultiple ? Math.min(count, command.args.length - 1) : count]
  const names = name === undefined ? undefined : namesOfArgs[name]
  return names ? { kind: 'names', of: names, prefix: current } : { kind: 'words', words: [] }
}

/** The flag that waits for its value. */
function openFlag(
  word: string | undefined,
  { flags }: CommandShape,
): { name: string; flag: FlagShape } | undefined {
  if (word === undefined || !word.startsWith('-') || word.includes('=')) return undefined
  const found = Object.entries(flags).find(([name, { char }]) => word === `--${name}` || word === `-${char}`)
  return found?.[1].type === 'option' ? { name: found[0], flag: found[1] } : undefined
}

function countArguments(before: readonly string[], command: CommandShape): number {
  return before.filter(
    (word, index) => !word.startsWith('-') && openFlag(before[index - 1], command) === undefined,
  ).length
}
