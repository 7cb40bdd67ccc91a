import { GpulabError } from '@gpulab/contract'
import { commandOutputs, errorOutput, toJsonSchema } from '@gpulab/contract/outputs'
import { commandIds } from '../commands.ts'
import type { Context } from '../context.ts'

/** Prints the JSON Schema of what a command prints; of an error, with the word "error". */
export function showSchema({ output }: Context, words: readonly string[]): void {
  const typed = words.flatMap((word) => word.split(/[ :]/)).join(':')
  const id = commandIds.get(typed)
  const found = typed === 'error' ? errorOutput : id === undefined ? undefined : commandOutputs[id]
  if (typed === '')
    throw new GpulabError('input_required', { message: 'Say of which command.', hint: allSchemas() })
  if (!found) throw withoutSchema(typed.replaceAll(':', ' '), id !== undefined)
  const schema = {
    title: `gpulab ${typed.replaceAll(':', ' ')}`,
    ...(found.kind === 'lines' && { description: 'Of each line.' }),
    ...toJsonSchema(found),
  }
  output.render({ table: () => output.line(JSON.stringify(schema, null, 2)), json: schema, quiet: [] })
}

const withoutSchema = (name: string, isCommand: boolean): GpulabError =>
  new GpulabError('invalid_request', {
    message: isCommand ? `gpulab ${name} prints no JSON of its own.` : `There is no command "${name}".`,
    hint: allSchemas(),
  })

const allSchemas = (): string =>
  `There are schemas of: ${Object.keys(commandOutputs).join(', ').replaceAll(':', ' ')}, error.`
