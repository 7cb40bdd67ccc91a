import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GpulabError } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import type { VolumeFolders } from '../driver.ts'
import { toFileFailure } from './to-failure.ts'
import { BodyCut, startWorker, type WorkerCall, type WorkerProcess, WorkerSilence } from './worker-process.ts'

export interface Workers {
  /** Does one thing with the files of a volume. Throws what users shall see. */
  call(uuid: string, call: WorkerCall): Promise<IncomingMessage>
  /** Lets the process of a volume use a connection for a call that has named it. */
  handOver(uuid: string, id: string, connection: Socket): Promise<void>
  /** Ends the one of a volume, whose mount it would hold. */
  release(uuid: string): Promise<void>
  close(): Promise<void>
}

export interface WorkerLimits {
  /** That nobody asks for anything just now. */
  readonly idle: number
  readonly all: number
  /** Of one team, so that no team keeps the others from their files. */
  readonly team: number
  /** How long one may say nothing while it takes a body. */
  readonly silentMs?: number
}

interface Slot {
  readonly team: string
  readonly worker: Promise<WorkerProcess>
  calls: number
  idle: NodeJS.Timeout | undefined
}

const idleMs = 60_000
/** Each takes about 36 MiB of a host that has as many volumes as fit on its disk. */
const workersMax: WorkerLimits = { idle: 8, all: 64, team: 16 }
const refused = 422
/** The mount under it is gone or another one: a new process finds the new one. */
const staleCodes = new Set(['ENOTCONN', 'ESTALE', 'EIO', 'ESHUTDOWN'])

/** One process for each volume whose files are asked for; it ends when nobody has asked for a minute. */
export function createWorkers(
  volumes: {
    readonly folders: (uuid: string) => Promise<VolumeFolders>
    readonly teamOf: (uuid: string) => string
  },
  log: FastifyBaseLogger,
  limits: WorkerLimits = workersMax,
): Workers {
  const slots = new Map<string, Slot>()
  let sockets: Promise<string> | undefined
  let count = 0

  const start = async (uuid: string): Promise<WorkerProcess> => {
    const folders = await volumes.folders(uuid)
    const folder = await (sockets ??= mkdtemp(join(tmpdir(), 'gpulab-files-')))
    return startWorker(join(folder, `${count++}.sock`), folders, limits.silentMs)
  }
  const keep = (slot: Slot): void => {
    clearTimeout(slot.idle)
    slot.idle = undefined
  }
  const end = async (uuid: string, slot: Slot): Promise<void> => {
    if (slots.get(uuid) === slot) slots.delete(uuid)
    keep(slot)
    await slot.worker.then(
      (worker) => worker.kill(),
      () => {},
    )
  }
  const drop = (uuid: string, slot: Slot): void => void end(uuid, slot)
  /** Those that were used last stay. */
  const endIdle = (max: number): void => {
    const idle = [...slots].filter(([, slot]) => slot.idle !== undefined)
    for (const [uuid, slot] of idle.slice(0, Math.max(0, idle.length - max))) drop(uuid, slot)
  }
  /** Throws unless there may be one more for this team. */
  const makeRoom = (team: string): void => {
    const ofTeam = (): Slot[] => [...slots.values()].filter((slot) => slot.team === team)
    if (slots.size >= limits.all || ofTeam().length >= limits.team) endIdle(0)
    const whose = ofTeam().length >= limits.team ? 'of your team on this host' : 'of this host'
    if (whose === 'of this host' && slots.size < limits.all) return
    throw new GpulabError('rate_limited', {
      message: `The files of too many volumes ${whose} are asked for at the same time.`,
      hint: 'Try again in a moment.',
    })
  }
  const open = async (uuid: string): Promise<{ slot: Slot; worker: WorkerProcess }> => {
    const team = volumes.teamOf(uuid)
    if (!slots.has(uuid)) makeRoom(team)
    const slot = slots.getOrInsertComputed(uuid, () => ({
      team,
      worker: start(uuid),
      calls: 0,
      idle: undefined,
    }))
    keep(slot)
    try {
      const worker = await slot.worker
      if (worker.isAlive) return { slot, worker }
      drop(uuid, slot)
      return await open(uuid)
    } catch (error) {
      drop(uuid, slot)
      throw error
    }
  }
  const leave = (uuid: string, slot: Slot): void => {
    slot.calls--
    if (slot.calls > 0 || slots.get(uuid) !== slot) return
    slot.idle = setTimeout(() => drop(uuid, slot), idleMs).unref()
    slots.delete(uuid)
    slots.set(uuid, slot)
    endIdle(limits.idle)
  }

  return {
    call: async (uuid, call) => {
      const { slot, worker } = await open(uuid).catch(toSilence)
      slot.calls++
      keep(slot)
      try {
        const response = await worker.call(call)
        response.once('close', () => leave(uuid, slot))
        if (response.statusCode !== refused) return response
        const failure = JSON.parse(await text(response)) as { code: string; message: string }
        if (staleCodes.has(failure.code)) drop(uuid, slot)
        throw toFileFailure(failure)
      } catch (error) {
        if (error instanceof GpulabError) throw error
        leave(uuid, slot)
        call.signal.throwIfAborted()
        if (error instanceof BodyCut) throw toFileFailure({ code: 'EPIPE', message: error.message })
        log.warn({ err: error, volume: uuid }, 'the files of a volume could not be served')
        drop(uuid, slot)
        return toSilence(error)
      }
    },
    handOver: async (uuid, id, connection) => {
      const worker = await slots.get(uuid)?.worker
      if (!worker?.isAlive) throw new WorkerSilence('The files of the volume are not served any more.')
      await worker.handOver(id, connection)
    },
    release: async (uuid) => {
      const slot = slots.get(uuid)
      if (slot) await end(uuid, slot)
    },
    close: async () => {
      await Promise.all([...slots].map(([uuid, slot]) => end(uuid, slot)))
      if (sockets) await rm(await sockets, { recursive: true, force: true })
    },
  }
}

function toSilence(error: unknown): never {
  if (error instanceof GpulabError) throw error
  throw new GpulabError('volume_unavailable', {
    message:
      error instanceof WorkerSilence
        ? 'The volume does not answer.'
        : 'The files of the volume could not be reached.',
    hint: 'Try again in a moment.',
    cause: error,
  })
}
