import { GpulabError, type SessionSignal } from '@gpulab/contract'
import {
  type Ending,
  type GuestConnection,
  GuestError,
  type GuestStream,
  type SessionRow,
} from '@gpulab/guest'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import { type GpuInjection, toGpuEnvironment } from '../containers/environment.ts'
import { toRunFailure } from '../exec/run-in-guest.ts'
import { describeFailure } from '../guest/describe-failure.ts'
import type { LinkedGuest } from '../guest/guest-link.ts'
import type { Guests } from '../guest/guests.ts'
import {
  type Attachment,
  type AttachPlace,
  type Bounds,
  type Program,
  type ProgramRequest,
  type SessionEnd,
  toLostEnd,
} from './program.ts'

export interface GuestProgramDeps {
  readonly guests: Pick<Guests, 'find' | 'peek'>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

/** Which run of which guest has the session; after another agent's start this is all that is known of it. */
export interface GuestPlace {
  readonly id: string
  readonly containerUuid: string
  readonly incarnation: string
  readonly runStartedAt: string | null
  readonly argv: readonly string[]
  readonly workdir: string | undefined
}

interface StartedRun {
  readonly stream: GuestStream
  readonly exit: Promise<Ending>
}

const againMs = 500
/** Within this, whatever ends with a container has ended. */
const endingMs = 200

/** A session that the guest owns. It outlives our connection to the guest, and this agent. */
export class GuestProgram implements Program {
  readonly transport = 'guest'
  readonly log = undefined
  readonly place: GuestPlace
  readonly #deps: GuestProgramDeps
  #first: GuestStream | undefined
  #exit: Promise<Ending> | undefined
  #bounds: Bounds = { first: 0, end: 0 }
  #isForgotten = false

  /** `run`: of one that was started just now. */
  constructor(deps: GuestProgramDeps, place: GuestPlace, run?: StartedRun) {
    this.#deps = deps
    this.place = place
    this.#first = run?.stream
    this.#exit = run?.exit
  }

  async attach({ windowBytes, ...place }: AttachPlace): Promise<Attachment> {
    const first = this.#first
    this.#first = undefined
    if (first && place.offset === 0 && windowBytes === undefined) return toAttachment(first)
    const { connection } = await this.#reach()
    const options = { ...place, ...(windowBytes !== undefined && { windowBytes }) }
    return toAttachment(await this.#ask(connection.attach(this.place.id, options)))
  }

  async signal(signal: SessionSignal): Promise<void> {
    const { connection } = await this.#reach()
    await this.#ask(connection.signal(this.place.id, signal))
  }

  async resize(columns: number, rows: number): Promise<void> {
    const { connection } = await this.#reach()
    await this.#ask(connection.resize(this.place.id, columns, rows))
  }

  async kill(): Promise<void> {
    const { connection } = await this.#reach()
    await this.#ask(connection.kill(this.place.id))
  }

  async bounds(): Promise<Bounds> {
    const guest = this.#deps.guests.peek(this.place.containerUuid)
    if (this.#isForgotten || !guest || !this.#isMine(guest)) return this.#bounds
    const rows = await listOnce(guest.connection).catch(() => [])
    const row = rows.find(({ id }) => id === this.place.id)
    if (row) this.#bounds = { first: row.firstOffset, end: row.endOffset }
    return this.#bounds
  }

  async waitForEnd(): Promise<SessionEnd> {
    const { guests, clock, log } = this.#deps
    for (;;) {
      try {
        const guest = await guests.find(this.place.containerUuid)
        if (!guest) return toLostEnd('guest_killed')
        if (!this.#isMine(guest)) return this.#toGone(guest)
        const exit = this.#exit
        this.#exit = undefined
        const ending = await (exit ?? guest.connection.waitForExit(this.place.id))
        if (!wasKilled(ending) || (await this.#outlasts(guest))) return this.#toEnd(ending)
      } catch (error) {
        if (isContainerGone(error)) return toLostEnd('container_ended')
        if (error instanceof GuestError && error.code === 'ENOENT') return toLostEnd('lost')
        log.debug({ err: error, session: this.place.id }, 'a session is out of reach')
      }
      await clock.wait(againMs)
    }
  }

  async forget(): Promise<void> {
    const { end } = await this.bounds()
    this.#isForgotten = true
    this.#bounds = { first: end, end }
    const guest = this.#deps.guests.peek(this.place.containerUuid)
    if (guest && this.#isMine(guest)) await guest.connection.forget(this.place.id).catch(() => {})
  }

  #isMine({ connection, container }: LinkedGuest): boolean {
    const { incarnation, runStartedAt } = this.place
    return connection.hello.incarnation === incarnation && container.startedAt === runStartedAt
  }

  /** The end of a container ends one process after the other, and its guest may live to tell of the first. */
  async #outlasts({ connection }: LinkedGuest): Promise<boolean> {
    await this.#deps.clock.wait(endingMs)
    return listOnce(connection).then(
      () => true,
      () => false,
    )
  }

  #toGone({ container }: LinkedGuest): SessionEnd {
    return toLostEnd(container.startedAt === this.place.runStartedAt ? 'guest_killed' : 'container_ended')
  }

  async #reach(): Promise<LinkedGuest> {
    const guest = await this.#deps.guests.find(this.place.containerUuid)
    if (!guest || !this.#isMine(guest)) throw interrupted()
    return guest
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (!(error instanceof GuestError)) throw error
      switch (error.code) {
        case 'ESRCH':
          throw new GpulabError('session_ended')
        case 'ENOENT':
          throw new GpulabError('session_not_found', {
            message: 'The output of the session is not kept any more.',
          })
        case 'ERANGE':
        case 'ENOTTY':
        case 'EINVAL':
          throw new GpulabError('invalid_request', { message: error.message })
        default:
          throw interrupted(error)
      }
    }
  }

  #toEnd({ exitCode, signal, timedOut, killed, survivors, failure }: Ending): SessionEnd {
    const { argv, workdir } = this.place
    const message = failure
      ? describeFailure(failure, { program: argv[0] ?? '', workdir })
      : survivors
        ? 'something that it started could not be killed'
        : null
    if (timedOut) return { exitCode: 124, signal: null, reason: 'timed_out', message }
    if (killed) return { exitCode, signal, reason: 'killed', message }
    if (failure?.what === 'supervisor') return toLostEnd('guest_killed', message)
    return { exitCode, signal, reason: 'exited', message }
  }
}

/** Throws GpulabError for a program that could not be started at all. */
export async function startInGuest(
  deps: GuestProgramDeps & { readonly injection: GpuInjection },
  { connection, container }: LinkedGuest,
  request: ProgramRequest,
): Promise<GuestProgram> {
  const { id, argv, env, workdir, terminal, input, lossless, timeoutMs, bufferBytes } = request
  const variables = [
    ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
    ...toGpuEnvironment(container.gpuUuids, deps.injection),
  ]
  const { exit, giveUp } = connection.expectExit(id)
  const stream = await connection
    .run({
      id,
      argv,
      env: variables,
      ...(workdir !== undefined && { cwd: workdir }),
      ...(terminal && { terminal }),
      input,
      lossless,
      timeoutMs: timeoutMs ?? 0,
      bufferBytes,
    })
    .catch((error: unknown) => {
      giveUp()
      throw toRunFailure(error)
    })
  const place = {
    id,
    containerUuid: container.uuid,
    incarnation: connection.hello.incarnation,
    runStartedAt: container.startedAt,
    argv,
    workdir,
  }
  return new GuestProgram(deps, place, { stream, exit })
}

const toAttachment = (stream: GuestStream): Attachment => ({
  offset: stream.offset,
  inputOffset: stream.inputOffset,
  output: () => stream.output({ keep: true }),
  take: (bytes) => stream.take(bytes),
  write: (bytes) => stream.write(bytes).catch(dropUnread),
  endInput: () => stream.endInput(),
  leave: () => stream.detach().catch(() => {}),
})

/** What a program reads no more is dropped, as with a closed pipe. */
function dropUnread(error: unknown): void {
  if (!(error instanceof GuestError) || error.code !== 'EPIPE') throw error
}

/** By somebody else than us. */
const wasKilled = ({ signal, killed, timedOut, failure }: Ending): boolean =>
  !killed && !timedOut && (signal === 'SIGKILL' || failure?.what === 'supervisor')

const isContainerGone = (error: unknown): boolean =>
  error instanceof GpulabError && ['container_not_running', 'container_not_found'].includes(error.code)

const interrupted = (cause?: unknown): GpulabError =>
  new GpulabError('session_interrupted', { hint: 'gpulab sessions ls shows whether it goes on.', cause })

const listings = new WeakMap<GuestConnection, Promise<SessionRow[]>>()

/** One listing for all who ask at the same time. */
function listOnce(connection: GuestConnection): Promise<SessionRow[]> {
  const known = listings.get(connection)
  if (known) return known
  const listing = connection.list().finally(() => listings.delete(connection))
  listings.set(connection, listing)
  return listing
}
