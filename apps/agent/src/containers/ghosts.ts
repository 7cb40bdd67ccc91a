import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { findContainer } from '../docker/containers.ts'
import { kill, listProcesses, type Process } from '../processes.ts'
import type { ObservedContainer } from './labels.ts'

/*
 * A dockerd that is killed while it starts a container leaves what containerd has made by then: a shim, and under it
 * the container's first process, which may run already. The next dockerd takes the container for one that does not
 * run, and can neither start nor kill it (seen with Engine 20.10 and live-restore: 4 of 40 starts that were cut short).
 * Its command would go on with GPUs that are another container's by then. So while one may be there, nothing that the
 * engine says of its container counts as proof that it is at rest.
 */

export interface Ghosts {
  /** The engine may have died just now: for a while each look also looks for what it left. */
  suspect(): void
  /** Kills what runs of those that the engine says do not run. Gives the uuids of those that may run all the same. */
  lay(containers: readonly Candidate[]): Promise<ReadonlySet<string>>
}

type Candidate = Pick<ObservedContainer, 'id' | 'uuid' | 'state' | 'isStuck'>

export const noGhosts: Ghosts = { suspect: () => {}, lay: () => Promise.resolve(new Set()) }

// What was under way at containerd comes to an end within seconds.
const suspiciousMs = 60_000
/** A process that waits for a device or a disk outlives its kill. */
const dyingMs = 1000
const intervalMs = 15

export interface GhostDeps {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: Pick<FastifyBaseLogger, 'warn' | 'error'>
}

export function createGhosts({ engine, clock, log }: GhostDeps): Ghosts {
  let suspectedAt = clock.monotonic()

  /** True once nothing of it is left. */
  const end = async ({ id, uuid }: Candidate): Promise<boolean> => {
    const known = new Map<number, string>()
    const deadline = clock.monotonic() + dyingMs
    for (;;) {
      const found = known.size
      const left = await findLeft(id, known)
      if (left.length === 0) return true
      if (found === 0) log.warn({ container: uuid }, 'the engine has forgotten a run: it is killed')
      if (clock.monotonic() > deadline) return false
      left.forEach(kill)
      await clock.wait(intervalMs)
    }
  }

  const layOne = async (candidate: Candidate): Promise<boolean> => {
    try {
      // The engine answers about one that it is starting or ending when that is done.
      if ((await findContainer(engine, candidate.id))?.state === 'running') return false
      return await end(candidate)
    } catch (error) {
      const container = candidate.uuid
      log.error({ err: error, container }, 'a run that the engine may have forgotten could not be ended')
      return false
    }
  }

  return {
    suspect: () => {
      suspectedAt = clock.monotonic()
    },
    lay: async (containers) => {
      const left = new Set<string>()
      if (clock.monotonic() - suspectedAt > suspiciousMs) return left
      const idle = containers.filter(({ state, isStuck }) => state !== 'running' && !isStuck)
      if (idle.length === 0) return left
      const shims = await findShims(await listProcesses())
      for (const candidate of idle) {
        if (shims.has(candidate.id) && !(await layOne(candidate))) left.add(candidate.uuid)
      }
      if (left.size > 0) suspectedAt = clock.monotonic()
      return left
    },
  }
}

/** Which processes of a container's shims live, and of what these have started: a command before its shim. */
async function findLeft(id: string, known: Map<number, string>): Promise<number[]> {
  const live = await listProcesses()
  const shims = new Set((await findShims(live)).get(id))
  const isChild = ({ parent }: Process): boolean => shims.has(parent)
  for (const { pid, startedAt } of [...live.filter(isChild), ...live.filter(({ pid }) => shims.has(pid))]) {
    known.set(pid, startedAt)
  }
  // Its number may be another process's by now.
  const isLeft = new Set(
    live.filter(({ pid, startedAt }) => known.get(pid) === startedAt).map(({ pid }) => pid),
  )
  return [...known.keys()].filter((pid) => isLeft.has(pid))
}

/**
 * The numbers of the processes that are a shim by their command line, by the engine's id of its container. All of them:
 * a tenant can write one like it, and would hide the real one otherwise.
 */
async function findShims(live: readonly Process[]): Promise<Map<string, number[]>> {
  const found = await Promise.all(
    live.map(async ({ pid }) => {
      const id = await readShimId(pid)
      return id === undefined ? [] : [{ id, pid }]
    }),
  )
  const byId = Map.groupBy(found.flat(), ({ id }) => id)
  return new Map([...byId].map(([id, shims]) => [id, shims.map(({ pid }) => pid)]))
}

async function readShimId(pid: number): Promise<string | undefined> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const [program = '', ...args] = commandLine.split('\0')
  const flag = args.indexOf('-id')
  // With a bundle it is what containerd runs to clear up after a dead shim: killed, it would leave its folder for good.
  const isShim = basename(program).startsWith('containerd-shim') && !args.includes('-bundle')
  return isShim && flag >= 0 ? args[flag + 1] : undefined
}
