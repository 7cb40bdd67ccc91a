import { GpulabError, type SessionSignal } from '@gpulab/contract'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Duplex } from 'node:stream'
import { type GpuInjection, toGpuEnvironment } from '../containers/environment.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { demux } from '../docker/demux.ts'
import { createExec, inspectExec, resizeExec, startExec } from '../docker/execs.ts'
import { waitForExit } from '../exec/exit.ts'
import { findPidNamespace, killTree } from '../exec/kill-tree.ts'
import { toOutcome, toStartOutcome } from '../exec/outcome.ts'
import { toExecRefusal } from '../exec/refusal.ts'
import { untilStarted } from '../exec/started.ts'
import type { ExecTurns } from '../exec/turns.ts'
import { requirePlainDirectory } from '../exec/working-directory.ts'
import { LogAttachments } from './log-attachment.ts'
import { MemoryLog } from './memory-log.ts'
import {
  type Attachment,
  type AttachPlace,
  type Bounds,
  type Program,
  type ProgramRequest,
  type SessionEnd,
  toLostEnd,
} from './program.ts'

export interface EngineProgramDeps {
  readonly engine: Engine
  readonly turns: Pick<ExecTurns, 'take'>
  readonly injection: GpuInjection
}

const killMs = 3000
const killedCode = 128 + constants.signals.SIGKILL
const turnMaxMs = 10_000
const earlyMaxBytes = 64 << 10

/** By this variable all that the session started is found, as for commands. */
export const toMarker = (id: string): string => `GPULAB_EXEC_ID=${id}`

interface Running {
  readonly execId: string
  readonly marker: string
  /** Of the container's first process, and its number on the host. */
  readonly pidNamespace: string | undefined
  readonly containerPid: number
  readonly stream: Duplex
  readonly request: ProgramRequest
}

/** A session through the engine's exec: for containers and users that no guest can serve. It ends with this agent. */
export class EngineProgram implements Program {
  readonly transport = 'engine'
  readonly log: MemoryLog
  readonly #engine: Engine
  readonly #running: Running
  readonly #attachments: LogAttachments
  readonly #end: Promise<SessionEnd>
  /** Settles when the engine has started it or never will. */
  readonly started: Promise<void>
  #inputBytes = 0
  #verdict: 'killed' | 'timed_out' | undefined
  /** What came before it was known to run: it may be the engine's own sentence, why it does not. */
  #early: { readonly kind: 'stdout' | 'stderr'; readonly bytes: Buffer }[] | undefined = []

  constructor(engine: Engine, running: Running) {
    const { request } = running
    this.#engine = engine
    this.#running = running
    this.log = new MemoryLog(request.bufferBytes, request.lossless)
    this.#attachments = new LogAttachments(this.log, {
      onTake: (offset) => this.log.release(offset),
      onLeave: () => this.#letGo(),
    })
    const reading = this.#read()
    this.started = this.#untilStarted(reading)
    this.#end = this.#watch(reading)
  }

  attach(place: AttachPlace): Promise<Attachment> {
    return Promise.try(() => {
      this.log.lossless = place.lossless
      return this.#attachments.attach(place, {
        inputOffset: this.#inputBytes,
        write: (bytes) => this.#write(bytes),
        endInput: () => this.#endInput(),
      })
    })
  }

  async signal(signal: SessionSignal): Promise<void> {
    const pid = await this.#findPid()
    if (pid === undefined) throw new GpulabError('session_ended')
    // The engine starts each command as the leader of a session, so its number is its process group's too.
    process.kill(-pid, constants.signals[signal])
  }

  async resize(columns: number, rows: number): Promise<void> {
    if (!this.#running.request.terminal)
      throw new GpulabError('invalid_request', { message: 'The session has no terminal.' })
    await resizeExec(this.#engine, this.#running.execId, { columns, rows })
  }

  async kill(): Promise<void> {
    await this.#killAs('killed')
    await this.#end
  }

  bounds(): Promise<Bounds> {
    return Promise.resolve({ first: this.log.first, end: this.log.end })
  }

  waitForEnd(): Promise<SessionEnd> {
    return this.#end
  }

  forget(): Promise<void> {
    this.log.clear()
    return Promise.resolve()
  }

  async #untilStarted(reading: Promise<void>): Promise<void> {
    await untilStarted(this.#engine, this.#running.execId, reading)
    const { pid } = await inspectExec(this.#engine, this.#running.execId).catch(() => ({ pid: 0 }))
    if (pid !== 0) this.#addEarly()
  }

  async #read(): Promise<void> {
    const { stream, request } = this.#running
    try {
      if (request.terminal) for await (const bytes of stream) await this.#keep('stdout', bytes as Buffer)
      else for await (const { stream: kind, payload } of demux(stream)) await this.#keep(kind, payload)
    } catch {
      // Its end says what there is to say.
    }
  }

  async #keep(kind: 'stdout' | 'stderr', bytes: Buffer): Promise<void> {
    if (this.#early) {
      this.#early.push({ kind, bytes })
      // No sentence of the engine's is so long.
      if (this.#early.reduce((sum, run) => sum + run.bytes.length, 0) < earlyMaxBytes) return
      this.#addEarly()
      return
    }
    await this.log.room()
    this.log.add(kind, bytes)
  }

  #addEarly(): void {
    for (const { kind, bytes } of this.#early ?? []) this.log.add(kind, bytes)
    this.#early = undefined
  }

  async #watch(reading: Promise<void>): Promise<SessionEnd> {
    const { execId, stream, request } = this.#running
    using _deadline = after(request.timeoutMs, () => void this.#killAs('timed_out').catch(() => {}))
    try {
      const { exitCode, pid } = await waitForExit(this.#engine, execId, new AbortController().signal)
      if (exitCode === killedCode && !this.#verdict && !(await this.#hasContainer()))
        return toLostEnd('container_ended')
      // Its output ends at once, unless something in the background holds it.
      await Promise.race([reading, once(AbortSignal.timeout(killMs), 'abort')])
      return this.#toEnd(exitCode, pid)
    } catch {
      return toLostEnd('container_ended')
    } finally {
      stream.destroy()
      this.log.finish()
    }
  }

  /** A container's first process leaves its namespace before the others are killed with it. */
  async #hasContainer(): Promise<boolean> {
    const { containerPid, pidNamespace } = this.#running
    return pidNamespace === undefined || (await findPidNamespace(containerPid)) === pidNamespace
  }

  #toEnd(exitCode: number, pid: number): SessionEnd {
    const isRun = pid !== 0 || exitCode === 0
    const text = isRun ? '' : Buffer.concat((this.#early ?? []).map(({ bytes }) => bytes)).toString()
    if (isRun) this.#addEarly()
    if (this.#verdict === 'timed_out')
      return { exitCode: 124, signal: null, reason: 'timed_out', message: null }
    if (this.#verdict === 'killed')
      return { exitCode: 137, signal: 'SIGKILL', reason: 'killed', message: null }
    if (isRun) return { ...toOutcome(exitCode), reason: 'exited', message: null }
    return toStartEnd(text, exitCode)
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { stream, request } = this.#running
    if (!request.input || stream.writableEnded || stream.destroyed) return
    this.#inputBytes += bytes.length
    if (stream.write(bytes)) return
    const written = new AbortController()
    const events = ['drain', 'close'].map((event) => once(stream, event, { signal: written.signal }))
    await Promise.race(events).catch(() => {})
    written.abort()
  }

  #endInput(): Promise<void> {
    const { stream, request } = this.#running
    // What ^D means on a terminal.
    if (request.terminal) stream.write(Buffer.of(4))
    else stream.end()
    return Promise.resolve()
  }

  async #killAs(verdict: 'killed' | 'timed_out'): Promise<void> {
    this.#verdict ??= verdict
    await this.started
    const { marker, pidNamespace } = this.#running
    const pid = await this.#findPid()
    const root = pid !== undefined && pidNamespace !== undefined ? { pid, pidNamespace } : undefined
    await killTree(marker, root, killMs)
    this.#letGo()
  }

  /** Whoever waits for room waits for a reader that will not come. */
  #letGo(): void {
    this.log.lossless = false
    this.log.release(0)
  }

  /** Of its process on the host, if that is alive and in its container. */
  async #findPid(): Promise<number | undefined> {
    const { execId, pidNamespace } = this.#running
    const { running, pid } = await inspectExec(this.#engine, execId)
    if (!running || pid === 0 || pidNamespace === undefined) return undefined
    return (await findPidNamespace(pid)) === pidNamespace ? pid : undefined
  }
}

/** What Node's timers take; a longer time is over at once. */
const timerMaxMs = 2 ** 31 - 1

/** Does it after so long, unless it is disposed of before. */
function after(ms: number | null, work: () => void): Disposable {
  const deadline = performance.now() + (ms ?? Infinity)
  let timer: NodeJS.Timeout | undefined
  const arm = (): void => {
    const left = deadline - performance.now()
    timer = left <= timerMaxMs ? setTimeout(work, Math.max(left, 0)) : setTimeout(arm, timerMaxMs)
  }
  if (ms !== null) arm()
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}

/** Throws GpulabError for a program that the engine does not take. */
export async function startInEngine(
  { engine, turns, injection }: EngineProgramDeps,
  container: ObservedContainer,
  request: ProgramRequest,
): Promise<EngineProgram> {
  const { id, argv, env, workdir, user, terminal, input } = request
  requirePlainDirectory(workdir)
  const pidNamespace = await findPidNamespace(container.pid)
  const marker = toMarker(id)
  const variables = [
    ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
    ...toGpuEnvironment(container.gpuUuids, injection),
    marker,
  ]
  const endTurn = await turns.take(container.uuid, AbortSignal.timeout(turnMaxMs))
  const limit = setTimeout(endTurn, turnMaxMs)
  const finish = (): void => {
    clearTimeout(limit)
    endTurn()
  }
  try {
    const spec = { argv, env: variables, workdir, user, stdin: input, terminal: terminal ?? undefined }
    const execId = await createExec(engine, container.id, spec)
    const { output: stream } = await startExec(engine, execId, { stdin: input, terminal: terminal !== null })
    const program = new EngineProgram(engine, {
      execId,
      marker,
      pidNamespace,
      containerPid: container.pid,
      stream,
      request,
    })
    void program.started.finally(finish)
    if (terminal) {
      // Engines before 23 take no size with the request.
      await program.started
      await program.resize(terminal.columns, terminal.rows).catch(() => {})
    }
    return program
  } catch (error) {
    finish()
    throw toExecRefusal(error, container.uuid)
  }
}

function toStartEnd(text: string, exitCode: number): SessionEnd {
  try {
    const outcome = toStartOutcome(text)
    return { ...outcome, reason: 'exited', message: outcome.message.trim() }
  } catch (error) {
    return { exitCode, signal: null, reason: 'exited', message: (error as Error).message }
  }
}
