import { CommandHelp } from '@oclif/core/help'
import type { Config } from '@oclif/core/config'
import type { BaseCommandClass } from '../base-command.ts'
import { commandIds, commands } from '../commands.ts'
import { rootHelp } from './root-help.ts'

/** Help of a command, of a topic, or with an empty id of everything. */
export async function showHelp(id: string, config: Config): Promise<void> {
  if (id === '') return print(rootHelp())
  const own = commandIds.get(id)
  if (own === undefined) return print(topicHelp(id))
  print(await helpOf(own, config))
}

/** Help of a command, as text. */
export async function helpOf(own: string, config: Config): Promise<string> {
  const entry = commands[own]
  if (!entry) return topicHelp(own)
  const { default: CommandClass } = await entry.load()
  const help = new CommandHelp(
    // Help reads a fraction of what the framework keeps of a command.
    describe(own, entry.aliases ?? [], CommandClass) as never,
    config,
    { maxWidth: helpWidth(), flagSortOrder: 'none' } as never,
  )
  const below = topicLines(own)
  const more = below.length > 0 ? `\n\nCOMMANDS\n${below.join('\n')}` : ''
  return `${entry.summary}\n\n${alignFirstFlags(help.generate())}${more}`
}

const widestHelp = 100
const narrowestHelp = 50

/** As wide as the terminal; the same for all who read it from elsewhere. */
const helpWidth = (): number =>
  Math.max(narrowestHelp, Math.min(widestHelp, process.stdout.columns ?? widestHelp))

const print = (text: string): void => void process.stdout.write(`${text}\n`)

function describe(id: string, aliases: readonly string[], CommandClass: BaseCommandClass) {
  const withNames = (definitions: object): object =>
    Object.fromEntries(
      Object.entries(definitions).map(([name, definition]) => [name, { ...definition, name }]),
    )
  const { args, flags, baseFlags } = CommandClass
  return {
    id: id.replaceAll(':', ' '),
    aliases: aliases.map((alias) => alias.replaceAll(':', ' ')),
    description: CommandClass.description,
    examples: CommandClass.examples,
    usage: CommandClass.usage ?? usageOf(id, Object.entries(args)),
    strict: CommandClass.strict,
    args: withNames(args),
    flags: withNames({ ...flags, ...withoutKeys(baseFlags, flags) }),
  }
}

const usageOf = (id: string, args: readonly [string, { multiple?: boolean; required?: boolean }][]): string =>
  [
    id.replaceAll(':', ' '),
    ...args.map(([name, { multiple, required }]) => {
      const word = name.toUpperCase() + (multiple ? '...' : '')
      return required ? word : `[${word}]`
    }),
    '[FLAGS]',
  ].join(' ')

/** The framework trims a list before it indents it, so a first flag without a letter ends up out of line. */
const alignFirstFlags = (help: string): string =>
  help.replaceAll(/^(.*FLAGS\n) {2}(?=--[^\n]*\n(?: {2}-\w,| {6}--))/gm, '$1      ')

const withoutKeys = (definitions: object, keys: object): object =>
  Object.fromEntries(Object.entries(definitions).filter(([name]) => !(name in keys)))

const topicHelp = (topic: string): string =>
  `USAGE\n  $ gpulab ${topic.replaceAll(':', ' ')} COMMAND\n\nCOMMANDS\n${topicLines(topic).join('\n')}`

function topicLines(topic: string): string[] {
  const seen = new Set([topic])
  const below = [...commandIds].filter(([id, own]) => {
    // Of several names of a command, the first.
    if (!id.startsWith(`${topic}:`) || seen.has(own)) return false
    seen.add(own)
    return true
  })
  const width = Math.max(0, ...below.map(([id]) => id.length))
  return below
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, own]) => `  ${id.replaceAll(':', ' ').padEnd(width)}   ${commands[own]?.summary}`)
}
