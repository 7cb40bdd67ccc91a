import type { HotContext } from '../context.ts'
import { startAndFollow } from '../sessions/follow.ts'
import type { Interruption } from '../sessions/interruption.ts'
import { SessionClient, type Sink } from '../sessions/session-client.ts'
import { openStderr, openStdout } from '../sessions/standard-streams.ts'
import { tellNews } from '../sessions/tell-news.ts'
import { type ExecInput, toNewSession } from './exec-input.ts'
import { finish } from './finish.ts'

/** Runs the command with its output as it comes, byte for byte, and gives its exit code. */
export async function runStreamed(
  context: HotContext,
  interruption: Interruption,
  reference: string,
  input: ExecInput,
): Promise<number> {
  const { api, output, signal } = context
  const cut = { stdout: false, stderr: false }
  const followed = await startAndFollow(
    context,
    reference,
    toNewSession(input),
    async ({ session: { id, container_uuid: uuid }, channel }) => {
      const client = new SessionClient(
        api,
        { uuid, id },
        {
          input: input.stdin ? process.stdin : undefined,
          output: limit(openStdout(), input.maxOutput, () => (cut.stdout = true)),
          error: limit(openStderr(), input.maxOutput, () => (cut.stderr = true)),
          signal,
          onNews: tellNews(output),
        },
        { isNew: true, channel },
      )
      interruption.forwardTo((name) => client.sendSignal(name))
      return client.run()
    },
  )
  for (const stream of ['stdout', 'stderr'] as const)
    if (cut[stream]) output.warn(`${stream} was cut off at --max-output.`)
  return finish(context, followed, input)
}

/** What is beyond is thrown away; the command runs on. */
function limit(sink: Sink, maxBytes: number | undefined, onCut: () => void): Sink {
  if (maxBytes === undefined) return sink
  let left = maxBytes
  return async (bytes) => {
    if (bytes.length > left) onCut()
    const part = bytes.subarray(0, left)
    left -= part.length
    if (part.length > 0) await sink(part)
  }
}
