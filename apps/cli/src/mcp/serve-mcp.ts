import { tools, type ToolName } from '@gpulab/contract/tools'
import { McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { ApiContext } from '../context.ts'
import { reportFailure } from '../output/report-failure.ts'
import { getVersion } from '../version.ts'
import { firstThatFit } from './fit.ts'
import { handlers } from './handlers.ts'
import { instructions } from './instructions.ts'

const textMaxCharacters = 120_000

export interface McpOptions {
  readonly isReadOnly: boolean
}

/** Serves the tools over standard input and output until the input ends. */
export async function serveMcp(context: ApiContext, { isReadOnly }: McpOptions): Promise<void> {
  /** An agent that has said all is still to hear the answers. */
  const calls = new Set<Promise<unknown>>()
  const server = new McpServer(
    { name: 'gpulab', version: getVersion().version },
    { instructions: instructions({ isReadOnly }) },
  )
  for (const name of Object.keys(tools) as ToolName[]) {
    const tool = tools[name]
    if (isReadOnly && !tool.isReadOnly) continue
    server.registerTool(
      name,
      {
        description: tool.description,
        // A field that nobody knows is a mistake, which must not become a container without its GPU.
        inputSchema: tool.input.strict(),
        annotations: {
          readOnlyHint: tool.isReadOnly,
          destructiveHint: 'isDestructive' in tool,
          openWorldHint: false,
        },
      },
      (input: unknown) => {
        const answer = call(context, name, input)
        calls.add(answer)
        return answer.finally(() => calls.delete(answer))
      },
    )
  }
  // The transport gives up its calls when its input ends.
  const input = new PassThrough()
  process.stdin.pipe(input, { end: false })
  await server.connect(new StdioServerTransport(input))
  await Promise.race([
    once(process.stdin, 'end'),
    once(process.stdin, 'close'),
    once(context.signal, 'abort'),
  ])
  await setImmediate()
  if (!context.signal.aborted) await Promise.all(calls)
  await setImmediate()
  await server.close()
}

async function call(context: ApiContext, name: ToolName, input: unknown) {
  const handle = handlers[name] as (context: ApiContext, input: unknown) => Promise<unknown>
  try {
    const result = await handle(context, input)
    return Array.isArray(result) ? toListAnswer(result) : toAnswer(JSON.stringify(result, null, 1))
  } catch (error) {
    const { text } = reportFailure(error, { isJson: true, isExec: false, isTool: true })
    return { ...toAnswer(text.trim()), isError: true }
  }
}

function toListAnswer(list: readonly unknown[]) {
  const { items, left_out } = firstThatFit(list, textMaxCharacters)
  const { content } = toAnswer(JSON.stringify(items, null, 1))
  const rest = `(${left_out} more are left out; each can be looked at by its name)`
  return { content: left_out > 0 ? [...content, { type: 'text' as const, text: rest }] : content }
}

function toAnswer(text: string) {
  const left = text.length - textMaxCharacters
  const bounded =
    left > 0 ? `${text.slice(0, textMaxCharacters)}\n(${left} more characters are left out)` : text
  return { content: [{ type: 'text' as const, text: bounded }] }
}
