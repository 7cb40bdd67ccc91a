import { realpath, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { callEngine, callEngineJson, holdMachineLock } from '@gpulab/images'
import { layOutPool } from './address-pool.ts'
import { killContainerProcesses, removeControlGroup } from './control-groups.ts'
import { toEngineLayout, type EngineLayout } from './engine-layout.ts'
import { removeNetwork } from './engine-network.ts'
import { findEngineProcesses } from './engine-processes.ts'
import { findEngineState } from './engine-state.ts'
import { unmountBelow } from './mounts.ts'
import { endProcesses } from './processes.ts'

/** How an engine is stopped. */
export interface StopEngineOptions {
  /** True (the default) stops containers and keeps them for the next start; false removes them with their volumes. */
  keepContainers?: boolean
  /** Seconds that a container gets to end by itself before it is killed. */
  graceSeconds?: number
}

/**
 * Stops the engine of a state folder, whoever started it and whatever is left of it: containers, daemons,
 * mounts, bridges, firewall rules. The state folder stays. Does nothing where no engine ever was.
 */
export async function stopEngine(stateDir: string, options: StopEngineOptions = {}): Promise<void> {
  const folder = await realpath(resolve(stateDir)).catch(() => undefined)
  if (folder === undefined) return
  await using _lock = await holdMachineLock(`engine ${folder}`, 120_000)
  const state = await findEngineState(toEngineLayout(folder, '').stateFile)
  if (state) await endEngine(toEngineLayout(folder, state.name), options)
}

/** As `stopEngine`, for a caller that holds the engine's lock. */
export async function endEngine(layout: EngineLayout, options: StopEngineOptions): Promise<void> {
  const { dockerd, containerd } = await findEngineProcesses(layout)
  if (dockerd && containerd) await endContainers(layout, options).catch(() => undefined)
  if (dockerd) await endProcesses([dockerd], 15_000)
  // What did not end by the Engine's hand (it may have been dead) ends here.
  await killContainerProcesses(layout.cgroup, () => true)
  const { shims } = await findEngineProcesses(layout)
  await endProcesses([...shims.values()], 2000)
  if (containerd) await endProcesses([containerd], 10_000)
  await unmountBelow([layout.stateDir, layout.runDir])
  await removeControlGroup(layout.cgroup)
  const state = await findEngineState(layout.stateFile)
  if (state) await removeNetwork(layout, layOutPool(state.addressPool))
  await rm(layout.runDir, { recursive: true, force: true })
}

/** Clears what killed daemons left: container processes that nobody looks after, and their mounts. */
export async function clearLeftovers(layout: EngineLayout): Promise<void> {
  const { shims } = await findEngineProcesses(layout)
  await killContainerProcesses(layout.cgroup, (id) => !shims.has(id))
  if (shims.size === 0) await unmountBelow([layout.stateDir, layout.runDir])
  await rm(layout.socketPath, { force: true })
  await rm(`${layout.runDir}/dockerd.pid`, { force: true })
}

async function endContainers(layout: EngineLayout, options: StopEngineOptions): Promise<void> {
  const engine = `unix://${layout.socketPath}`
  const keep = options.keepContainers ?? true
  const path = `/containers/json?all=${keep ? 0 : 1}`
  const containers = await callEngineJson<{ Id: string; State: string }[]>(engine, path, { idleMs: 10_000 })
  const grace = options.graceSeconds ?? 5
  await Promise.all(
    containers.map(async ({ Id, State }) => {
      if (State === 'paused') await post(engine, `/containers/${Id}/unpause`)
      if (keep) await post(engine, `/containers/${Id}/stop?t=${grace}`)
      else await discard(callEngine(engine, `/containers/${Id}?force=1&v=1`, { method: 'DELETE' }))
    }),
  )
}

async function post(engine: string, path: string): Promise<void> {
  await discard(callEngine(engine, path, { method: 'POST' }))
}

async function discard(answer: ReturnType<typeof callEngine>): Promise<void> {
  const { body } = await answer
  body.resume()
}
