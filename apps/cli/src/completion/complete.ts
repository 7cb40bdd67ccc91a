import { commandIds, commands } from '../commands.ts'
import { createContext } from '../context.ts'
import { withApi } from '../api-context.ts'
import { completeArguments, completeCommand, type CommandShape, type Wanted } from './candidates.ts'
import { findNames } from './names.ts'

/** Prints what may stand in place of the last word. A shell that asks gets no messages, whatever goes wrong. */
export async function complete(typed: readonly string[]): Promise<void> {
  const candidates = await findCandidates(typed).catch(() => [])
  for (const candidate of candidates) process.stdout.write(`${candidate}\n`)
}

async function findCandidates(typed: readonly string[]): Promise<readonly string[]> {
  const wanted = await findWanted(typed)
  if (wanted.kind === 'words') return wanted.words
  const context = withApi(await createContext({ ...profileOf(typed), timeout: '3s' }))
  const names = await findNames(context, wanted.of)
  return names.filter((name) => name.startsWith(wanted.prefix))
}

/** The names are those of the control plane that the command would go to. */
function profileOf(typed: readonly string[]): { profile?: string } {
  const at = typed.indexOf('--profile')
  const name = at === -1 ? undefined : typed[at + 1]
  return name === undefined ? {} : { profile: name }
}

async function findWanted(typed: readonly string[]): Promise<Wanted> {
  const own = typed[0] === 'help' ? typed.slice(1) : typed
  for (let count = own.length - 1; count > 0; count--) {
    const id = commandIds.get(own.slice(0, count).join(':'))
    if (id === undefined) continue
    const below = completeCommand(own, commandIds.keys())
    if (below.kind === 'words' && below.words.length > 0 && count === own.length - 1) return below
    return completeArguments(own.slice(count), await shapeOf(id))
  }
  return completeCommand(own, commandIds.keys())
}

async function shapeOf(id: string): Promise<CommandShape> {
  const entry = commands[id]
  if (!entry) return { flags: {}, args: [], isMultiple: false }
  const { default: CommandClass } = await entry.load()
  const { args, flags, baseFlags } = CommandClass
  return {
    flags: { ...baseFlags, ...flags, help: { type: 'boolean' } },
    args: Object.keys(args),
    isMultiple: Object.values(args as object).some((arg: { multiple?: boolean }) => arg.multiple === true),
  }
}
