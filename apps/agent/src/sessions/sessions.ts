import {
  type agent,
  type Channel,
  GpulabError,
  type HandlerInput,
  type Session as SessionView,
  type SessionOutput,
  type SessionSignal,
} from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../clock.ts'
import type { GpuInjection } from '../containers/environment.ts'
import { containerNotFound, containerNotRunning, findByUuid } from '../containers/find.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { toArgv } from '../exec/to-argv.ts'
import type { ExecTurns } from '../exec/turns.ts'
import { canServe } from '../guest/can-serve.ts'
import type { LinkedGuest } from '../guest/guest-link.ts'
import type { Guests } from '../guest/guests.ts'
import { startInEngine } from './engine-program.ts'
import { startInGuest } from './guest-program.ts'
import { loginShell } from './login-shell.ts'
import type { Program, ProgramRequest } from './program.ts'
import { type Readings, readOutput } from './read-output.ts'
import { recoverProgram } from './recover.ts'
import { serveAttachment } from './serve-attachment.ts'
import { serveOpening } from './serve-opening.ts'
import { Session } from './session.ts'
import type { SessionRecord, SessionStore } from './session-record.ts'
import { Spool } from './spool.ts'
import { SpooledProgram } from './spooled-program.ts'

type CreateInput = HandlerInput<typeof agent.sessions.create>['body']

export interface SessionLimits {
  /** Of one container at a time. */
  readonly runningMax: number
  /** Of one container, kept to be asked about. */
  readonly endedMax: number
  readonly endedMs: number
  readonly endedDetachedMs: number
  /** For running ones that are not detached and that nobody is attached to. */
  readonly idleMs: number
  /** How long a program without a terminal waits for a reader that has left. */
  readonly holdMs: number
}

export const sessionLimits: SessionLimits = {
  runningMax: 64,
  endedMax: 256,
  endedMs: 10 * 60_000,
  endedDetachedMs: 24 * 3600_000,
  idleMs: 24 * 3600_000,
  holdMs: 10 * 60_000,
}

export interface SessionsDeps {
  readonly engine: Engine
  readonly guests: Guests
  readonly turns: ExecTurns
  readonly clock: Clock
  readonly log: FastifyBaseLogger
  readonly config: { readonly gpuInjection: GpuInjection }
  readonly sessionStore: SessionStore
  readonly sessionLimits: SessionLimits
}

interface Attach {
  readonly offset: number
  readonly acks: boolean
}

export interface Sessions {
  /** One that has this id already is given as it is. */
  create(uuid: string, input: CreateInput): Promise<SessionView>
  /** Starts one that the channel's first frame describes, and serves the channel as an attachment to it. */
  open(uuid: string, open: () => Promise<Channel>, caller: AbortSignal): Promise<void>
  list(uuid: string): Promise<SessionView[]>
  /** Of all containers, those that have not ended. */
  countOpen(): number
  /** Waits for its end, at most so long. */
  get(uuid: string, id: string, waitMs: number, caller: AbortSignal): Promise<SessionView>
  signal(uuid: string, id: string, signal: SessionSignal): Promise<SessionView>
  kill(uuid: string, id: string): Promise<SessionView>
  output(uuid: string, id: string, range: { offset: number; limit: number }): AsyncIterable<SessionOutput>
  attach(
    uuid: string,
    id: string,
    how: Attach,
    open: () => Promise<Channel>,
    caller: AbortSignal,
  ): Promise<void>
  /** Knows again what earlier agents knew. Before guests can dial. */
  recover(): Promise<void>
  /** Ends what a guest still has of commands that nobody waits for any more. */
  clearUp(guest: LinkedGuest): Promise<void>
  /** Lets old ones go, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

const tidyMs = 10_000

export function createSessions(deps: SessionsDeps): Sessions {
  const { clock, log, sessionStore: store, sessionLimits: limits } = deps
  const inputTotal = { bytes: 0 }
  const readings: Readings = new Map()
  const all = new Map<string, Map<string, Session>>()
  const starting = new Map<string, { readonly uuid: string; readonly session: Promise<Session> }>()

  const recovered = Promise.withResolvers<void>()

  const of = (uuid: string): Session[] => [...(all.get(uuid)?.values() ?? [])]
  const get = (uuid: string, id: string): Session => {
    const session = all.get(uuid)?.get(id)
    if (!session)
      throw new GpulabError('session_not_found', {
        message: `There is no session ${id} in this container.`,
        hint: 'gpulab sessions ls shows those that there are; ended ones are kept for a while only.',
      })
    return session
  }
  const save = (record: SessionRecord): void => {
    store
      .save(record)
      .catch((err: unknown) => log.warn({ err, session: record.id }, 'a session could not be noted'))
  }
  const add = (record: SessionRecord, program: Program): Session => {
    const session = new Session(record, program, {
      clock,
      holdMs: limits.holdMs,
      onChange: (changed) => {
        log.info(
          { session: changed.id, container: changed.container_uuid, end: changed.end },
          'a session has ended',
        )
        if (all.get(changed.container_uuid)?.has(changed.id)) save(changed)
      },
    })
    all.getOrInsertComputed(record.container_uuid, () => new Map()).set(record.id, session)
    return session
  }
  const remove = async (session: Session): Promise<void> => {
    const { record } = session
    const group = all.get(record.container_uuid)
    group?.delete(record.id)
    if (group?.size === 0) all.delete(record.container_uuid)
    await session.forget().catch(() => {})
    await store.remove(record)
  }

  const requireRoom = (uuid: string): void => {
    const running = of(uuid).filter(({ hasEnded }) => !hasEnded).length
    const coming = [...starting.values()].filter((each) => each.uuid === uuid).length
    if (running + coming < limits.runningMax) return
    throw new GpulabError('rate_limited', {
      message: `The container has ${running} sessions already.`,
      hint: 'End some: gpulab sessions ls shows them.',
      details: { max: limits.runningMax },
    })
  }

  const start = async (uuid: string, input: CreateInput): Promise<Session> => {
    const request = toRequest(input)
    const place = { id: input.id, container_uuid: uuid }
    // First: nothing may run whose output there is no place for.
    const spool = input.detached ? await Spool.open(store.spoolFolder(place)) : undefined
    const giveUp = async (error: unknown): Promise<never> => {
      if (spool) await store.remove(place)
      throw error
    }
    const { guest, container } = await findPlace(deps, uuid, request).catch(giveUp)
    const record: SessionRecord = {
      ...place,
      command: input.command === undefined ? null : [...request.argv],
      argv: [...request.argv],
      workdir: input.workdir ?? null,
      tty: input.tty !== null,
      stdin: request.input,
      detached: input.detached,
      user: input.user ?? null,
      started_at: new Date(clock.now()).toISOString(),
      transport: guest ? 'guest' : 'engine',
      incarnation: guest?.connection.hello.incarnation ?? null,
      run_started_at: guest?.container.startedAt ?? null,
      end: null,
    }
    // While it is started: an agent that dies in between finds that it never was.
    const saving = store
      .save(record)
      .catch((err: unknown) => log.warn({ err }, 'a session could not be noted'))
    const injecting = { ...deps, injection: deps.config.gpuInjection }
    const starting = guest
      ? startInGuest(injecting, guest, request)
      : startInEngine(injecting, container, request)
    const program = await starting.catch(async (error: unknown) => {
      await store.remove(place)
      throw error
    })
    await saving
    const kept = spool ? new SpooledProgram(deps, program, spool) : program
    log.info({ session: record.id, container: uuid, transport: record.transport }, 'a session was started')
    return add(record, kept)
  }

  const create = async (uuid: string, input: CreateInput): Promise<SessionView> => {
    const known = all.get(uuid)?.get(input.id)
    if (known) return known.view()
    const under = starting.get(input.id)
    if (under) return (await under.session).view()
    requireRoom(uuid)
    const session = start(uuid, input)
    starting.set(input.id, { uuid, session })
    try {
      return await (await session).view({ first: 0, end: 0 })
    } finally {
      starting.delete(input.id)
    }
  }

  return {
    create,
    open: (uuid, open, caller) =>
      serveOpening({ clock, create: (input) => create(uuid, input) }, open, (id, channel) =>
        serveAttachment(
          { clock, inputTotal },
          get(uuid, id),
          { offset: 0, acks: true },
          async () => channel,
          caller,
        ),
      ),
    countOpen: () =>
      [...all.values()].reduce(
        (sum, group) => sum + [...group.values()].filter(({ hasEnded }) => !hasEnded).length,
        0,
      ),
    list: (uuid) => Promise.all(of(uuid).map((session) => session.view())),
    get: async (uuid, id, waitMs, caller) => {
      const session = get(uuid, id)
      if (waitMs > 0 && !session.hasEnded) {
        const wait = AbortSignal.any([clock.timeout(waitMs), caller])
        await orAbort(session.ended, wait).catch(() => {})
      }
      return session.view()
    },
    signal: async (uuid, id, signal) => {
      const session = get(uuid, id)
      if (session.hasEnded) throw new GpulabError('session_ended')
      await session.program.signal(signal)
      return session.view()
    },
    kill: async (uuid, id) => {
      const session = get(uuid, id)
      await session.kill('killed')
      return session.view()
    },
    output: (uuid, id, range) => readOutput(get(uuid, id), range, readings),
    attach: (uuid, id, how, open, caller) =>
      serveAttachment({ clock, inputTotal }, get(uuid, id), how, open, caller),
    recover: async () => {
      for (const record of await store.load()) {
        const session = add(record, await recoverProgram(deps, store, record))
        // A guest waits a minute for us, then it drops the oldest.
        if (session.isLossless && !session.hasEnded && record.transport === 'guest')
          void holdAgain(session).catch((err: unknown) => log.debug({ err }, 'a session is not held'))
      }
      recovered.resolve()
    },
    clearUp: async ({ connection, container }) => {
      // A guest may dial as soon as the first of its sessions is known.
      await recovered.promise
      const since = clock.now()
      const rows = await connection.list()
      for (const { id, ageMs } of rows) {
        const isKnown = all.get(container.uuid)?.has(id) ?? starting.has(id)
        // What was started since is somebody's.
        if (isKnown || starting.has(id) || ageMs <= clock.now() - since) continue
        await connection.kill(id)
        await connection.forget(id).catch(() => {})
      }
    },
    run: async (signal) => {
      for (;;) {
        await clock.wait(tidyMs, signal)
        for (const uuid of all.keys()) {
          const now = clock.now()
          for (const session of findOld(of(uuid), limits, now)) await remove(session)
          for (const session of findIdle(of(uuid), limits, now))
            session.kill('expired').catch((err: unknown) => log.warn({ err }, 'a session could not be ended'))
        }
      }
    },
  }
}

async function holdAgain(session: Session): Promise<void> {
  const { first } = await session.program.bounds()
  if (!session.isAttached) await session.holdFrom(first)
}

function findOld(sessions: readonly Session[], limits: SessionLimits, now: number): Session[] {
  const ended = sessions.filter(({ hasEnded, isAttached }) => hasEnded && !isAttached)
  const isOld = ({ record }: Session): boolean =>
    now - Date.parse(record.end?.at ?? '') > (record.detached ? limits.endedDetachedMs : limits.endedMs)
  const beyond = ended
    .toSorted((a, b) => Date.parse(a.record.end?.at ?? '') - Date.parse(b.record.end?.at ?? ''))
    .slice(0, Math.max(ended.length - limits.endedMax, 0))
  return [...new Set([...ended.filter(isOld), ...beyond])]
}

const findIdle = (sessions: readonly Session[], limits: SessionLimits, now: number): Session[] =>
  sessions.filter(
    ({ hasEnded, record, lastSeenMs }) => !hasEnded && !record.detached && now - lastSeenMs > limits.idleMs,
  )

function toRequest(input: CreateInput): ProgramRequest {
  const { id, command, env, workdir, user, tty, stdin, timeout, detached, max_buffer: bufferBytes } = input
  return {
    id,
    argv: command === undefined ? loginShell : toArgv(command),
    env: tty ? { TERM: 'xterm', ...env } : env,
    workdir,
    user,
    terminal: tty,
    input: stdin || tty !== null,
    lossless: tty === null || detached,
    timeoutMs: timeout === null ? null : timeout * 1000,
    bufferBytes,
  }
}

interface Place {
  readonly guest: LinkedGuest | undefined
  readonly container: ObservedContainer
}

/** The guest that is to run it; without one, the engine is. */
async function findPlace(
  { engine, guests }: SessionsDeps,
  uuid: string,
  { user }: ProgramRequest,
): Promise<Place> {
  const guest = await guests.find(uuid)
  if (guest && canServe(guest.connection.hello, user)) return { guest, container: guest.container }
  const container = guest?.container ?? (await findByUuid(engine, uuid))
  if (!container) throw containerNotFound(uuid)
  if (container.state !== 'running') throw containerNotRunning(uuid)
  return { guest: undefined, container }
}
