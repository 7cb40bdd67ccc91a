import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { findContainer } from '../docker/containers.ts'
import { EngineError } from '../docker/errors.ts'
import { kill, listProcesses, type Process } from '../processes.ts'
import type { ObservedContainer } from './labels.ts'

/*
 * A dockerd that is killed while it starts a container leaves what containerd has made by then: a shim, and under it
 * the container's first process, which may run already. The next dockerd takes the container for one that does not
 * run, and can neither start nor kill it (seen with Engine 20.10 and live-restore: 4 of 40 starts that were cut short).
 * Its command would go on with GPUs that are another container's by then.
 */

export interface Ghosts {
  /** The engine may have died just now: for a while each look also looks for what it left. */
  suspect(): void
  /** Kills what runs of those that the engine says do not run. */
  lay(containers: readonly Pick<ObservedContainer, 'id' | 'uuid' | 'state' | 'isStuck'>[]): Promise<void>
}

export const noGhosts: Ghosts = { suspect: () => {}, lay: () => Promise.resolve() }

// What was under way at containerd comes to an end within seconds.
const suspiciousMs = 60_000

export interface GhostDeps {
  readonly engine: Engine
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

export function createGhosts({ engine, clock, log }: GhostDeps): Ghosts {
  let suspectedAt = clock.monotonic()
  return {
    suspect: () => {
      suspectedAt = clock.monotonic()
    },
    lay: async (containers) => {
      if (clock.monotonic() - suspectedAt > suspiciousMs) return
      const idle = containers.filter(({ state, isStuck }) => state !== 'running' && !isStuck)
      if (idle.length === 0) return
      const live = await listProcesses()
      const shims = await findShims(live)
      for (const { id, uuid } of idle) {
        const shim = shims.get(id)
        if (!shim || !(await isForgotten(engine, id))) continue
        log.warn({ container: uuid, shim: shim.pid }, 'the engine has forgotten a run: it is killed')
        for (const { pid, parent } of live) if (parent === shim.pid) kill(pid)
        kill(shim.pid)
      }
    },
  }
}

/** The engine answers about a container that it is starting when that is done: this tells starting from forgotten. */
async function isForgotten(engine: Engine, id: string): Promise<boolean> {
  try {
    return (await findContainer(engine, id))?.state !== 'running'
  } catch (error) {
    if (error instanceof EngineError) return false
    throw error
  }
}

/** By the engine's ids of their containers. */
async function findShims(live: readonly Process[]): Promise<Map<string, Process>> {
  const found = await Promise.all(
    live.map(async (process) => {
      const id = await readShimId(process.pid)
      return id === undefined ? [] : [[id, process] as const]
    }),
  )
  return new Map(found.flat())
}

async function readShimId(pid: number): Promise<string | undefined> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const [program = '', ...args] = commandLine.split('\0')
  const flag = args.indexOf('-id')
  return basename(program).startsWith('containerd-shim') && flag >= 0 ? args[flag + 1] : undefined
}
