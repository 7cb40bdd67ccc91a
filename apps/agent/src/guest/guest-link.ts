import { createGuestListener, type GuestConnection, type GuestListener } from '@gpulab/guest'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import { type GpuInjection, toGpuEnvironment } from '../containers/environment.ts'
import { containerNotFound, containerNotRunning, findByUuid } from '../containers/find.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { createExec, inspectExec, startDetached } from '../docker/execs.ts'
import { guestProgram, guestSocket } from './paths.ts'

export interface GuestLinkDeps {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly config: { readonly gpuInjection: GpuInjection }
  /** When this agent began. */
  readonly bootMs: number
  /** A guest has dialled; it may have sessions from before. */
  onGuest(guest: LinkedGuest): void
}

/** A connection, and the container that it was made to. */
export interface LinkedGuest {
  readonly connection: GuestConnection
  readonly container: ObservedContainer
}

/** The guest can not serve this container: the engine has to. */
export class GuestUnavailable extends Error {}

/** A guest that is there dials again within a second, on a busy machine a little later. */
const redialMs = 1500
/** One whose connection we have just lost, at once if it lives. */
const lostRedialMs = 250
const startMs = 5000
const lookMs = 50
/** A guest that lives shorter is started again more and more slowly. */
const shortLifeMs = 10_000
const retryFirstMs = 1000
const retryMaxMs = 60_000
const windowBytes = 1 << 20

/**
 * The guest of one container: listens for it, starts it on demand and keeps its one connection. Whoever dials is the
 * tenant, so nothing here believes more than which socket it dialled.
 *
 * Invariants: at most one connection, the first that came; at most one opening under way; after `close` neither.
 */
export class GuestLink {
  readonly folder: string
  #container: ObservedContainer
  readonly #deps: GuestLinkDeps
  readonly #onLost: () => void
  #listener: Promise<GuestListener> | undefined
  #listeningSince = 0
  #connection: GuestConnection | undefined
  #opening: Promise<GuestConnection> | undefined
  #arrived = Promise.withResolvers<GuestConnection>()
  #lostAt = 0
  #startedAt = 0
  #startedRun: string | null = null
  #retryAt = 0
  #retryMs = retryFirstMs
  #closed = false

  constructor(deps: GuestLinkDeps, container: ObservedContainer, folder: string, onLost: () => void) {
    this.#deps = deps
    this.#container = container
    this.folder = folder
    this.#onLost = onLost
  }

  /** As it was when it was last looked at. */
  get container(): ObservedContainer {
    return this.#container
  }

  /** Undefined while there is none. */
  get connection(): GuestConnection | undefined {
    return this.#connection
  }

  /** Lets a guest dial that is there already, as after a restart of the agent. */
  async listen(): Promise<void> {
    if (this.#closed) throw new GuestUnavailable('The container has ended.')
    this.#listener ??= createGuestListener({
      directory: this.folder,
      windowBytes,
      onConnection: (connection) => this.#accept(connection),
    })
    this.#listeningSince ||= this.#deps.clock.now()
    try {
      await this.#listener
    } catch (error) {
      this.#listener = undefined
      throw new GuestUnavailable('Its socket could not be made.', { cause: error })
    }
  }

  /** Throws GuestUnavailable, or why the container can have no session at all. */
  connect(): Promise<GuestConnection> {
    if (this.#connection) return Promise.resolve(this.#connection)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#connection?.destroy()
    const listener = await this.#listener?.catch(() => undefined)
    await listener?.close()
  }

  #accept(connection: GuestConnection): void {
    if (this.#connection || this.#closed) {
      connection.destroy()
      return
    }
    this.#connection = connection
    this.#arrived.resolve(connection)
    void this.#noteEnd(connection)
    this.#deps.onGuest({ connection, container: this.#container })
  }

  async #noteEnd(connection: GuestConnection): Promise<void> {
    const reason = await connection.closed
    this.#deps.log.debug({ container: this.#container.uuid, reason: reason.message }, 'a guest has left')
    this.#connection = undefined
    this.#arrived = Promise.withResolvers()
    this.#lostAt = this.#deps.clock.now()
    this.#onLost()
  }

  async #open(): Promise<GuestConnection> {
    const { uuid, generation } = this.#container
    const container = await findByUuid(this.#deps.engine, uuid)
    if (!container) throw containerNotFound(uuid)
    if (container.state !== 'running') throw containerNotRunning(uuid)
    if (container.generation !== generation || container.guestFolder !== this.folder)
      throw new GuestUnavailable('The container was made without the folders of the guest.')
    this.#container = container
    await this.listen()
    return (await this.#await(this.#redialMs(container))) ?? this.#start(container)
  }

  /** How long a guest that we have not started in this run of the container may take to dial. */
  #redialMs(container: ObservedContainer): number {
    const now = this.#deps.clock.now()
    const isKnown = this.#startedRun === container.startedAt
    if (isKnown) return Math.max(this.#lostAt + lostRedialMs - now, 0)
    const began = Date.parse(container.startedAt ?? '')
    // In a run that this agent has seen begin, there is none that it has not started.
    return began > this.#deps.bootMs ? 0 : Math.max(this.#listeningSince + redialMs - now, 0)
  }

  async #start(container: ObservedContainer): Promise<GuestConnection> {
    const { engine, clock, config, log } = this.#deps
    const now = clock.now()
    const isSameRun = this.#startedRun === container.startedAt
    if (isSameRun && now < this.#retryAt)
      throw new GuestUnavailable('The guest has just ended, and is started again in a while.')
    this.#retryMs =
      isSameRun && now - this.#startedAt < shortLifeMs
        ? Math.min(this.#retryMs * 2, retryMaxMs)
        : retryFirstMs
    this.#retryAt = now + this.#retryMs
    this.#startedAt = now
    this.#startedRun = container.startedAt
    let id: string
    try {
      id = await createExec(engine, container.id, {
        argv: [guestProgram, guestSocket],
        env: toGpuEnvironment(container.gpuUuids, config.gpuInjection),
        detached: true,
      })
      await startDetached(engine, id)
    } catch (error) {
      throw new GuestUnavailable('The engine could not start the guest.', { cause: error })
    }
    const deadline = clock.now() + startMs
    while (clock.now() < deadline) {
      const connection = await this.#await(lookMs)
      if (connection) {
        log.debug({ container: container.uuid, ...connection.hello }, 'a guest was started')
        return connection
      }
      const { running, exitCode } = await inspectExec(engine, id).catch(() => ({
        running: true,
        exitCode: null,
      }))
      if (!running && exitCode !== null) break
    }
    log.info({ container: container.uuid }, 'the guest does not run in this container')
    throw new GuestUnavailable('The guest does not run in this container.')
  }

  async #await(ms: number): Promise<GuestConnection | undefined> {
    if (this.#connection || ms <= 0) return this.#connection
    const done = new AbortController()
    const late = this.#deps.clock.wait(ms, done.signal).then(
      () => undefined,
      () => undefined,
    )
    const connection = await Promise.race([this.#arrived.promise, late])
    done.abort()
    return connection
  }
}
