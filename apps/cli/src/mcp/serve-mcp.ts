import { tools, type ToolName } from '@gpulab/contract/tools'
import { McpServer } from '@modelcontextprotocol/server'
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { ApiContext } from '../context.ts'
import { reportFailure } from '../output/report-failure.ts'
import { getVersion } from '../version.ts'
import { handlers } from './handlers.ts'

const textMaxCharacters = 120_000

export interface McpOptions {
  readonly isReadOnly: boolean
}

/** Serves the tools over standard input and output until the input ends. */
export async function serveMcp(context: ApiContext, { isReadOnly }: McpOptions): Promise<void> {
  /** An agent that has said all is still to hear the answers. */
  const calls = new Set<Promise<unknown>>()
  const server = new McpServer({ name: 'gpulab', version: getVersion().version })
  for (const name of Object.keys(tools) as ToolName[]) {
    const tool = tools[name]
    if (isReadOnly && !tool.isReadOnly) continue
    server.registerTool(
      name,
      {
        description: tool.description,
        inputSchema: tool.input,
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
    return toAnswer(JSON.stringify(await handle(context, input), null, 1))
  } catch (error) {
    const { text } = reportFailure(error, { isJson: true, isExec: false })
    return { ...toAnswer(text.trim()), isError: true }
  }
}

function toAnswer(text: string) {
  const left = text.length - textMaxCharacters
  const bounded =
    left > 0 ? `${text.slice(0, textMaxCharacters)}\n(${left} more characters are left out)` : text
  return { content: [{ type: 'text' as const, text: bounded }] }
}
