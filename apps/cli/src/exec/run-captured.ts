import type { ExecResult } from '@gpulab/contract'
import { type Capture, createCapture } from '@gpulab/transport/capture'
import type { HotContext } from '../context.ts'
import { requireExitCode } from '../sessions/ending.ts'
import { startAndFollow } from '../sessions/follow.ts'
import type { Interruption } from '../sessions/interruption.ts'
import { SessionClient, type Sink } from '../sessions/session-client.ts'
import { type ExecInput, toNewSession } from './exec-input.ts'

/** As `POST …/exec`, of which this is what has no place in one request. */
const timeoutMs = 30_000
const maxOutput = 1 << 20

/** Runs the command and prints one JSON document. */
export async function runCaptured(
  context: HotContext,
  interruption: Interruption,
  reference: string,
  input: ExecInput,
): Promise<number> {
  const { api, output, signal } = context
  const stdout = createCapture(input.maxOutput ?? maxOutput)
  const stderr = createCapture(input.maxOutput ?? maxOutput)
  let hasGap = false
  const startedAt = performance.now()
  let sessionId = ''
  const create = toNewSession({ ...input, timeoutMs: input.timeoutMs ?? timeoutMs })
  const followed = await startAndFollow(
    context,
    reference,
    create,
    async ({ session: { id, container_uuid: uuid }, channel }) => {
      sessionId = id
      const io = {
        input: input.stdin ? process.stdin : undefined,
        output: toSink(stdout),
        error: toSink(stderr),
        signal,
        onNews: (news: { kind: string }) => {
          if (news.kind === 'gap') hasGap = true
        },
      }
      const client = new SessionClient(api, { uuid, id }, io, { isNew: true, channel })
      interruption.forwardTo((name) => client.sendSignal(name))
      return client.run()
    },
  )
  if ('exitCode' in followed) return followed.exitCode
  const { ending } = followed
  const exitCode = requireExitCode(ending)
  if (ending.message !== null) stderr.add(Buffer.from(`${ending.message}\n`))
  const out = stdout.result()
  const error = stderr.result()
  const result: ExecResult = {
    id: sessionId,
    stdout: out.text,
    stderr: error.text,
    exit_code: exitCode,
    signal: ending.signal,
    timed_out: ending.reason === 'timed_out',
    stdout_truncated: out.truncated || hasGap,
    stderr_truncated: error.truncated,
    stdout_encoding: out.encoding,
    stderr_encoding: error.encoding,
    duration_ms: Math.round(performance.now() - startedAt),
    origin: 'command',
  }
  output.render({ table: () => {}, json: result, quiet: [] })
  return exitCode
}

const toSink =
  (capture: Capture): Sink =>
  async (bytes) =>
    capture.add(bytes)
