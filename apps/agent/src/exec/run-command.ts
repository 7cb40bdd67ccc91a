import { type agent, type ExecResult, GpulabError, type HandlerInput } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { orAbort } from '../backoff.ts'
import type { GpuInjection } from '../containers/environment.ts'
import { toGpuEnvironment } from '../containers/environment.ts'
import { containerNotFound, findByUuid } from '../containers/find.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { demux } from '../docker/demux.ts'
import { EngineError, engineUnavailable } from '../docker/errors.ts'
import { createExec, type EngineExec, startExec } from '../docker/execs.ts'
import { type Capture, createCapture } from './capture.ts'
import { waitForExit } from './exit.ts'
import { endCommand } from './end-command.ts'
import { type Outcome, toOutcome, toStartOutcome } from './outcome.ts'

type Command = HandlerInput<typeof agent.exec>['body']

export interface ExecDeps {
  readonly engine: Engine
  readonly config: { readonly gpuInjection: GpuInjection }
}

interface Streams {
  readonly stdout: Capture
  readonly stderr: Capture
}

const timedOut: Outcome = { exitCode: 124, signal: null, message: '' }

/** Runs a command to its end through the Engine's exec. Nothing of it is left after a timeout or when nobody waits. */
export async function runCommand(deps: ExecDeps, command: Command, caller: AbortSignal): Promise<ExecResult> {
  const startedAt = performance.now()
  const id = randomUUID()
  const marker = `GPULAB_EXEC_ID=${id}`
  const streams = { stdout: createCapture(command.max_output), stderr: createCapture(command.max_output) }
  const container = await requireRunning(deps.engine, command.container_uuid)
  const execId = await create(deps, container, command, marker)

  const timeout = AbortSignal.timeout(command.timeout * 1000)
  const ending = AbortSignal.any([timeout, caller])
  const running = run(deps.engine, execId, streams, ending)
  const outcome = await orAbort(running, ending).catch(async (error: unknown) => {
    if (!ending.aborted) throw error
    await endCommand(deps.engine, execId, marker, running)
    caller.throwIfAborted()
    return timedOut
  })
  streams.stderr.add(Buffer.from(outcome.message))
  return toResult(id, outcome, streams, Math.round(performance.now() - startedAt))
}

async function requireRunning(engine: Engine, uuid: string): Promise<ObservedContainer> {
  const container = await findByUuid(engine, uuid)
  if (!container) throw containerNotFound(uuid)
  if (container.state !== 'running') {
    throw new GpulabError('container_not_running', {
      message: `The container ${uuid} is not running.`,
      hint: `Start it with: gpulab start ${uuid}`,
    })
  }
  return container
}

async function create(
  { engine, config }: ExecDeps,
  container: ObservedContainer,
  command: Command,
  marker: string,
): Promise<string> {
  const { env, workdir, user } = command
  // Through /proc a working directory can name one of the host (CVE-2024-21626).
  if (workdir !== undefined && !isPlainPath(workdir)) {
    throw new GpulabError('command_failed', {
      message: `The working directory "${workdir}" is not allowed: give an absolute path outside /proc.`,
    })
  }
  const argv = typeof command.command === 'string' ? ['/bin/sh', '-c', command.command] : command.command
  // The engine hands the GPU variables to a container's first process only.
  const gpus = toGpuEnvironment(container.gpuUuids, config.gpuInjection)
  const variables = [...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...gpus, marker]
  try {
    return await createExec(engine, container.id, { argv, env: variables, workdir, user })
  } catch (error) {
    throw toRefusal(error, container.uuid)
  }
}

const isPlainPath = (path: string): boolean =>
  path.startsWith('/') && !path.split('/').includes('..') && !/^\/+(?:\.\/+)*proc(?:\/|$)/.test(path)

function toRefusal(error: unknown, uuid: string): unknown {
  if (!(error instanceof EngineError)) return error
  if (error.transient) return engineUnavailable(error)
  if (error.status === 404) return containerNotFound(uuid)
  if (error.status === 409) {
    return new GpulabError('container_not_running', { message: `The container ${uuid} is not running.` })
  }
  return new GpulabError('command_failed', {
    message: `The command could not be run: ${error.message}`,
    cause: error,
  })
}

async function run(engine: Engine, execId: string, streams: Streams, ending: AbortSignal): Promise<Outcome> {
  let exec: EngineExec
  try {
    exec = await startExec(engine, execId)
  } catch (error) {
    // Older engines say it on the output instead, see below.
    if (error instanceof EngineError && !error.transient) return toStartOutcome(error.message)
    throw outcomeUnknown(error)
  }
  try {
    await readAll(exec, streams, ending)
    const { exitCode, pid } = await waitForExit(engine, execId, ending)
    if (pid !== 0 || exitCode === 0) return toOutcome(exitCode)
  } catch (error) {
    throw error instanceof EngineError ? outcomeUnknown(error) : error
  } finally {
    exec.output.destroy()
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
