import { type agent, type ExecResult, GpulabError, type HandlerInput } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { orAbort } from '@gpulab/transport/or-abort'
import type { GpuInjection } from '../containers/environment.ts'
import { toGpuEnvironment } from '../containers/environment.ts'
import { containerNotFound, containerNotRunning, findByUuid } from '../containers/find.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { demux } from '../docker/demux.ts'
import { EngineError } from '../docker/errors.ts'
import { createExec, type EngineExec, startExec } from '../docker/execs.ts'
import { canServe } from '../guest/can-serve.ts'
import type { Guests } from '../guest/guests.ts'
import { type ByteBudget, type Capture, createCapture } from '@gpulab/transport/capture'
import { waitForExit } from './exit.ts'
import { endCommand } from './end-command.ts'
import { findPidNamespace } from './kill-tree.ts'
import { type Outcome, toOutcome, toStartOutcome } from './outcome.ts'
import { toExecRefusal } from './refusal.ts'
import { runInGuest } from './run-in-guest.ts'
import { untilStarted } from './started.ts'
import { toArgv } from './to-argv.ts'
import type { ExecTurns } from './turns.ts'
import { requirePlainDirectory } from './working-directory.ts'

type Command = HandlerInput<typeof agent.exec>['body']

export interface ExecDeps {
  readonly engine: Engine
  readonly config: { readonly gpuInjection: GpuInjection }
  readonly guests: Pick<Guests, 'find'>
  readonly turns: ExecTurns
  /** Of output that is kept for all commands together. */
  readonly captureBudget: ByteBudget
}

interface Streams {
  readonly stdout: Capture
  readonly stderr: Capture
}

/** A start that hangs is not to keep the others waiting for ever. */
const turnMaxMs = 10_000
const timedOut: Outcome = { exitCode: 124, signal: null, message: '' }

/** Runs a command to its end, through the guest or the Engine's exec. Nothing of it is left after a timeout or when nobody waits. */
export async function runCommand(deps: ExecDeps, command: Command, caller: AbortSignal): Promise<ExecResult> {
  const startedAt = performance.now()
  const id = randomUUID()
  using _place = deps.turns.enter(command.container_uuid)
  const streams = {
    stdout: createCapture(command.max_output, deps.captureBudget),
    stderr: createCapture(command.max_output, deps.captureBudget),
  }
  try {
    const outcome =
      (await runByGuest(deps, command, id, streams, caller)) ??
      (await runWithin(deps, command, `GPULAB_EXEC_ID=${id}`, streams, caller))
    streams.stderr.add(Buffer.from(outcome.message))
    return toResult(id, outcome, streams, Math.round(performance.now() - startedAt))
  } finally {
    streams.stdout.clear()
    streams.stderr.clear()
  }
}

/** Undefined where the guest can not serve it. */
async function runByGuest(
  { guests, config }: ExecDeps,
  { container_uuid: uuid, command, env, workdir, user, timeout }: Command,
  id: string,
  streams: Streams,
  caller: AbortSignal,
): Promise<Outcome | undefined> {
  const guest = await guests.find(uuid)
  if (!guest || !canServe(guest.connection.hello, user)) return undefined
  const request = { id, argv: toArgv(command), env, workdir, timeoutMs: timeout * 1000 }
  const outcome = await runInGuest(guest, request, streams, { injection: config.gpuInjection, caller })
  return outcome === 'timed out' ? timedOut : outcome
}

/** Through the Engine to its own end, or to that of its time or its caller. */
async function runWithin(
  deps: ExecDeps,
  command: Command,
  marker: string,
  streams: Streams,
  caller: AbortSignal,
): Promise<Outcome> {
  const { engine, turns } = deps
  const container = await requireRunning(engine, command.container_uuid)
  const pidNamespace = await findPidNamespace(container.pid)
  const ending = AbortSignal.any([AbortSignal.timeout(command.timeout * 1000), caller])
  const endTurn = await turns.take(container.uuid, ending).catch((error: unknown) => {
    if (!ending.aborted) throw error
    return undefined
  })
  if (!endTurn) {
    caller.throwIfAborted()
    return timedOut
  }
  const limit = setTimeout(() => endTurn(), turnMaxMs)
  let execId: string
  try {
    execId = await create(deps, container, command, marker)
    ending.throwIfAborted()
  } catch (error) {
    clearTimeout(limit)
    endTurn()
    caller.throwIfAborted()
    if (ending.aborted) return timedOut
    throw error
  }
  const closing = new AbortController()
  const running = run(engine, execId, streams, ending, closing.signal)
  const started = untilStarted(engine, execId, running).then(() => {
    clearTimeout(limit)
    return endTurn()
  })
  const close = (): void => closing.abort()
  return orAbort(running, ending).catch(async (error: unknown) => {
    if (!ending.aborted) throw error
    await endCommand(engine, { execId, marker, pidNamespace, started, running, close })
    caller.throwIfAborted()
    return timedOut
  })
}

async function requireRunning(engine: Engine, uuid: string): Promise<ObservedContainer> {
  const container = await findByUuid(engine, uuid)
  if (!container) throw containerNotFound(uuid)
  if (container.state !== 'running') throw containerNotRunning(uuid)
  return container
}

async function create(
  { engine, config }: ExecDeps,
  container: ObservedContainer,
  command: Command,
  marker: string,
): Promise<string> {
  const { env, workdir, user } = command
  requirePlainDirectory(workdir)
  const argv = toArgv(command.command)
  // The engine hands the GPU variables to a container's first process only.
  const gpus = toGpuEnvironment(container.gpuUuids, config.gpuInjection)
  const variables = [...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...gpus, marker]
  try {
    return await createExec(engine, container.id, { argv, env: variables, workdir, user })
  } catch (error) {
    throw toExecRefusal(error, container.uuid)
  }
}

async function run(
  engine: Engine,
  execId: string,
  streams: Streams,
  ending: AbortSignal,
  closing: AbortSignal,
): Promise<Outcome> {
  let exec: EngineExec
  try {
    exec = await startExec(engine, execId)
  } catch (error) {
    // Older engines say it on the output instead, see below.
    if (error instanceof EngineError && !error.transient) return toStartOutcome(error.message)
    throw outcomeUnknown(error)
  }
  const close = (): void => void exec.output.destroy()
  closing.addEventListener('abort', close)
  if (closing.aborted) close()
  try {
    await readAll(exec, streams, ending)
    const { exitCode, pid } = await waitForExit(engine, execId, ending)
    if (pid !== 0 || exitCode === 0) return toOutcome(exitCode)
  } catch (error) {
    throw error instanceof EngineError ? outcomeUnknown(error) : error
  } finally {
    close()
  }
  // No process was ever started: what came on stdout is the engine's own sentence.
  const sentence = streams.stdout.bytes().toString('utf8')
  streams.stdout.clear()
  return toStartOutcome(sentence)
}

/** Goes on after a timeout until the engine ends the stream or `endCommand` has waited long enough. */
async function readAll({ output }: EngineExec, streams: Streams, ending: AbortSignal): Promise<void> {
  try {
    for await (const { stream, payload } of demux(output)) streams[stream].add(payload)
  } catch (error) {
    if (!ending.aborted) throw outcomeUnknown(error)
  }
}

const outcomeUnknown = (cause: unknown): GpulabError =>
  new GpulabError('exec_outcome_unknown', {
    message: 'The connection to the engine was lost while the command ran.',
    hint: 'It may have run, in part or as a whole: look before you run it again.',
    cause,
  })

function toResult(id: string, outcome: Outcome, streams: Streams, durationMs: number): ExecResult {
  const stdout = streams.stdout.result()
  const stderr = streams.stderr.result()
  return {
    id,
    stdout: stdout.text,
    stderr: stderr.text,
    exit_code: outcome.exitCode,
    signal: outcome.signal,
    timed_out: outcome === timedOut,
    stdout_truncated: stdout.truncated,
    stderr_truncated: stderr.truncated,
    stdout_encoding: stdout.encoding,
    stderr_encoding: stderr.encoding,
    duration_ms: durationMs,
    origin: 'command',
  }
}
