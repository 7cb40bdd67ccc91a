import { GpulabError } from '@gpulab/contract'
import { type Ending, GuestError, type GuestStream } from '@gpulab/guest'
import { orAbort } from '@gpulab/transport/or-abort'
import { type GpuInjection, toGpuEnvironment } from '../containers/environment.ts'
import { describeFailure } from '../guest/describe-failure.ts'
import type { LinkedGuest } from '../guest/guest-link.ts'
import type { Capture } from '@gpulab/transport/capture'
import type { Outcome } from './outcome.ts'
import { requirePlainDirectory } from './working-directory.ts'

export interface GuestCommand {
  readonly id: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string | undefined
  readonly timeoutMs: number
}

/** The guest keeps the time itself; one that does not is the tenant's doing. */
const lateMs = 7000
const killMs = 3000

/** Runs a command to its end, or to that of its time or its caller. Gives 'timed out' when its time was over. */
export async function runInGuest(
  { connection, container }: LinkedGuest,
  command: GuestCommand,
  streams: { readonly stdout: Capture; readonly stderr: Capture },
  { injection, caller }: { readonly injection: GpuInjection; readonly caller: AbortSignal },
): Promise<Outcome | 'timed out'> {
  const { id, argv, workdir, timeoutMs } = command
  requirePlainDirectory(workdir)
  const gpus = toGpuEnvironment(container.gpuUuids, injection)
  const env = [...Object.entries(command.env).map(([key, value]) => `${key}=${value}`), ...gpus]
  const cwd = workdir ?? ''
  caller.throwIfAborted()
  const stream = await connection
    .run({ id, argv, env, cwd, lossless: true, timeoutMs })
    .catch((error: unknown) => {
      throw toRunFailure(error)
    })
  const late = AbortSignal.timeout(timeoutMs + lateMs)
  const ended = readToEnd(stream, streams)
  try {
    const ending = await orAbort(ended, AbortSignal.any([caller, late]))
    return ending.timedOut ? 'timed out' : toOutcome(ending, argv[0] ?? '', workdir)
  } catch (error) {
    ended.catch(() => {})
    if (!caller.aborted && !late.aborted) throw toLoss(error)
    await orAbort(connection.kill(id), AbortSignal.timeout(killMs)).catch(() => {})
    caller.throwIfAborted()
    return 'timed out'
  } finally {
    connection.forget(id).catch(() => {})
  }
}

async function readToEnd(
  stream: GuestStream,
  streams: { readonly stdout: Capture; readonly stderr: Capture },
): Promise<Ending> {
  for await (const item of stream.output()) if (item.kind !== 'gap') streams[item.kind].add(item.bytes)
  return stream.ended
}

function toOutcome(ending: Ending, program: string, workdir: string | undefined): Outcome {
  const { exitCode, signal, failure } = ending
  if (!failure) return { exitCode, signal, message: '' }
  const message = describeFailure(failure, { program, workdir })
  if (failure.what === 'exec') return { exitCode, signal, message: `${message}\n` }
  throw new GpulabError('command_failed', { message: `The command could not be run: ${message}.` })
}

/** Why a program was never started; what is lost after the request was sent leaves that open. */
export function toRunFailure(error: unknown): unknown {
  if (error instanceof RangeError)
    return new GpulabError('command_failed', { message: `The command could not be run: ${error.message}` })
  if (!(error instanceof GuestError)) return error
  if (error.code === 'EUSERS') return new GpulabError('rate_limited', { message: error.message })
  const isOpen = ['lost', 'stalled', 'protocol', 'stale'].includes(error.code)
  return isOpen
    ? toLoss(error)
    : new GpulabError('command_failed', { message: `The command could not be run: ${error.message}` })
}

const toLoss = (cause: unknown): unknown =>
  cause instanceof GuestError
    ? new GpulabError('exec_outcome_unknown', {
        message: 'The container ended while the command ran, or what serves it there was killed.',
        hint: 'It may have run, in part or as a whole: look before you run it again.',
        cause,
      })
    : cause
