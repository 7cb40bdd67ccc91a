import type { Status } from '@gpulab/contract'
import { statuses } from '@gpulab/contract/statuses'
import type { ContextFlags } from '../context.ts'
import type { ExecFlags, ShellFlags } from '../exec/to-exec-input.ts'
import { execIds, findRoute, splitAtSeparator } from '../route.ts'

/** A command line that can be carried out without the framework. */
export type Hot =
  | { readonly id: 'version'; readonly flags: ContextFlags }
  | { readonly id: 'ls'; readonly flags: ContextFlags; readonly status: Status | undefined }
  | {
      readonly id: 'exec'
      readonly flags: ContextFlags & ExecFlags
      readonly container: string
      readonly command: readonly string[]
    }
  | {
      readonly id: 'ssh'
      readonly flags: ContextFlags & ShellFlags
      readonly container: string
      readonly command: readonly string[]
    }

interface Known {
  /** Each is a flag, or several. */
  readonly booleans: Readonly<Record<string, string | readonly string[]>>
  readonly values: Readonly<Record<string, string>>
  /** Of the values: may come more than once. */
  readonly multiple?: string
  readonly argumentCount: number
}

const booleans = {
  '--json': 'json',
  '--quiet': 'quiet',
  '-q': 'quiet',
  '--no-color': 'no-color',
  '--debug': 'debug',
  '--insecure': 'insecure',
}
const values = {
  '--api-key': 'api-key',
  '--api-url': 'api-url',
  '--profile': 'profile',
  '--timeout': 'timeout',
}
const terminals = { '--tty': 'tty', '-t': 'tty' }
const places = {
  '--env': 'env',
  '-e': 'env',
  '--workdir': 'workdir',
  '-w': 'workdir',
  '--user': 'user',
  '-u': 'user',
}

/** The flags that scripts and agents use; with others the framework parses the line. */
const known: Readonly<Record<Hot['id'], Known>> = {
  version: { booleans, values, argumentCount: 0 },
  ls: { booleans, values: { ...values, '--status': 'status' }, argumentCount: 0 },
  exec: {
    booleans: {
      ...booleans,
      ...terminals,
      '--stdin': 'stdin',
      '-i': 'stdin',
      '-it': ['stdin', 'tty'],
      '-ti': ['stdin', 'tty'],
      '--interactive': 'interactive',
    },
    values: { ...values, ...places },
    multiple: 'env',
    argumentCount: 1,
  },
  ssh: {
    booleans: { ...booleans, ...terminals },
    values: { ...values, ...places },
    multiple: 'env',
    argumentCount: 1,
  },
}

const ids: Readonly<Record<string, Hot['id']>> = {
  version: 'version',
  ls: 'ls',
  'containers:ls': 'ls',
  'containers:list': 'ls',
  exec: 'exec',
  'containers:exec': 'exec',
  ssh: 'ssh',
  'containers:ssh': 'ssh',
}
const isExec = (id: string): boolean => execIds.has(ids[id] ?? '')
const table = { commandIds: new Set(Object.keys(ids)), isExec }

/** Undefined where there is any doubt: then the framework parses, and tells what is wrong. */
export function parseHot(argv: readonly string[]): Hot | undefined {
  const route = findRoute(argv, table)
  const id = route.kind === 'version' ? 'version' : route.kind === 'command' ? ids[route.id] : undefined
  if (id === undefined || !('argv' in route)) return undefined
  const { own, command } = execIds.has(id) ? splitAtSeparator(route.argv) : { own: route.argv, command: [] }
  const parsed = parse(own, known[id])
  if (!parsed) return undefined
  const flags: ContextFlags & ExecFlags & ShellFlags = parsed.flags
  switch (id) {
    case 'version':
      return { id, flags }
    case 'ls': {
      const { status } = parsed.flags
      const isKnown = status === undefined || statuses.includes(status as Status)
      return isKnown ? { id, flags, status: status as Status | undefined } : undefined
    }
    case 'exec':
      // Which exclude each other.
      if (flags.json && (flags.tty || flags.interactive)) return undefined
      return { id, flags, container: parsed.args[0] ?? '', command }
    case 'ssh':
      return { id, flags, container: parsed.args[0] ?? '', command }
  }
}

interface Parsed {
  readonly flags: Record<string, unknown>
  readonly args: readonly string[]
}

function parse(
  argv: readonly string[],
  { booleans, values, multiple, argumentCount }: Known,
): Parsed | undefined {
  const flags: Record<string, unknown> = {}
  const args: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    const boolean = booleans[word]
    const value = values[word]
    if (boolean !== undefined) for (const name of [boolean].flat()) flags[name] = true
    else if (value !== undefined) {
      const next = argv[++index]
      if (!next || next.startsWith('-')) return undefined
      if (value === multiple) flags[value] = [...((flags[value] as string[] | undefined) ?? []), next]
      else if (value in flags) return undefined
      else flags[value] = next
    } else if (word === '' || word.startsWith('-')) return undefined
    else args.push(word)
  }
  return args.length === argumentCount ? { flags, args } : undefined
}
