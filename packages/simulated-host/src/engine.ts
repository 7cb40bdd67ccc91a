import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { resolve } from 'node:path'
import { callEngineJson, holdMachineLock, systemPath } from '@gpulab/images'
import { layOutPool } from './address-pool.ts'
import { checkMachine } from './check-machine.ts'
import { renderContainerdConfig, renderDockerdConfig } from './engine-config.ts'
import { toEngineLayout, type EngineLayout } from './engine-layout.ts'
import { ensureNetwork, findFreePool } from './engine-network.ts'
import { findEngineProcesses } from './engine-processes.ts'
import { findEngineState, saveEngineState } from './engine-state.ts'
import { gpuToolsFolder, writeInventory, writeNvidiaSmi } from './inventory-folder.ts'
import { endProcesses } from './processes.ts'
import { startDaemon } from './start-daemon.ts'
import { clearLeftovers, endEngine, stopEngine, type StopEngineOptions } from './stop-engine.ts'

/** What `startEngine` needs. */
export interface StartEngineOptions {
  /** Folder of everything that the engine keeps; made if missing. */
  stateDir: string
  /** Short word for the names of the engine's interfaces, for people who read `ip link`. */
  name: string
  /** `2x NVIDIA GeForce RTX 4090:24564`, a comma between models; empty for no GPUs. */
  gpus: string
  /** Range of /16 to /22 for the engine's networks; by default a /16 that is free on this machine. */
  addressPool?: string
  signal?: AbortSignal
}

/** A Docker Engine of our own with simulated GPUs. It outlives this process until `stop`. */
export interface Engine extends AsyncDisposable {
  socketPath: string
  dockerHost: string
  /** Inventory folder of the simulated GPUs: gpus.csv, apps.csv, fault. */
  gpuDir: string
  /** Path of an nvidia-smi that shows these GPUs, whatever the environment. */
  nvidiaSmi: string
  addressPool: string
  bridge: string
  pid: number
  stop: (options?: StopEngineOptions) => Promise<void>
}

/**
 * Starts a Docker Engine with simulated GPUs in `stateDir`, or adopts the one that runs there. After a crash
 * it takes up the same state; containers that survived keep running. Throws one sentence with the next step.
 */
export async function startEngine(options: StartEngineOptions): Promise<Engine> {
  await mkdir(resolve(options.stateDir), { recursive: true, mode: 0o711 })
  const stateDir = await realpath(resolve(options.stateDir))
  await checkMachine(stateDir)
  await using _lock = await holdMachineLock(`engine ${stateDir}`, 120_000)
  const remembered = await findEngineState(toEngineLayout(stateDir, options.name).stateFile)
  const layout = toEngineLayout(stateDir, remembered?.name ?? options.name)
  await mkdir(layout.runDir, { recursive: true, mode: 0o711 })
  await writeInventory(layout.gpuDir, options.gpus)
  await writeNvidiaSmi(layout.nvidiaSmi, layout.gpuDir)
  const running = await findEngineProcesses(layout)
  if (remembered && running.containerd && running.dockerd && (await answers(layout))) {
    return toEngine(layout, remembered.addressPool, running.dockerd)
  }
  try {
    const addressPool = await claimNetwork(layout, options, remembered?.addressPool)
    return toEngine(layout, addressPool, await startDaemons(layout, addressPool, options.signal))
  } catch (error) {
    await endEngine(layout, { keepContainers: true })
    throw error
  }
}

async function claimNetwork(layout: EngineLayout, options: StartEngineOptions, known: string | undefined) {
  // Two engines that look for a pool at the same time must not find the same one.
  await using _lock = await holdMachineLock('address pools', 30_000)
  const addressPool = known ?? options.addressPool ?? (await findFreePool(layout.stateDir))
  const pool = layOutPool(addressPool)
  await saveEngineState(layout, { name: options.name, addressPool })
  await ensureNetwork(layout, pool)
  return addressPool
}

async function startDaemons(layout: EngineLayout, addressPool: string, signal: AbortSignal | undefined) {
  const running = await findEngineProcesses(layout)
  if (running.dockerd) await endProcesses([running.dockerd], 10_000)
  await clearLeftovers(layout)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${gpuToolsFolder}:${systemPath()}`,
    GPULAB_SIM_GPU_DIR: layout.gpuDir,
    NOTIFY_SOCKET: undefined,
  }
  await writeFile(layout.containerdConfig, renderContainerdConfig(layout))
  await writeFile(layout.dockerdConfig, renderDockerdConfig(layout, layOutPool(addressPool)))
  if (!running.containerd) {
    await startDaemon({
      command: 'containerd',
      args: ['--config', layout.containerdConfig],
      env,
      logFile: layout.containerdLog,
      isReady: () => accepts(layout.containerdSocket),
      signal,
    })
  }
  return startDaemon({
    command: 'dockerd',
    args: ['--config-file', layout.dockerdConfig],
    env,
    logFile: layout.dockerdLog,
    isReady: () => answers(layout),
    signal,
  })
}

function toEngine(layout: EngineLayout, addressPool: string, pid: number): Engine {
  const stop = (options?: StopEngineOptions) => stopEngine(layout.stateDir, options)
  return {
    socketPath: layout.socketPath,
    dockerHost: `unix://${layout.socketPath}`,
    gpuDir: layout.gpuDir,
    nvidiaSmi: layout.nvidiaSmi,
    addressPool,
    bridge: layout.bridge,
    pid,
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

function answers(layout: EngineLayout): Promise<boolean> {
  return callEngineJson(`unix://${layout.socketPath}`, '/version', { idleMs: 5000 }).then(
    () => true,
    () => false,
  )
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
