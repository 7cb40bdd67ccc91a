import { mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { callEngine, callEngineJson, EngineError } from '@gpulab/images'
import { toHostContainer, type HostMount } from './host-spec.ts'
import { writeInventory, writeNvidiaSmi } from './inventory-folder.ts'
import { waitUntil } from './wait-until.ts'

// The socket "docker.sock" stands in the run folder, and a socket's path holds at most 107 bytes.
const longestRunDir = 107 - '/docker.sock'.length

/** What `startSimulatedHost` needs. */
export interface SimulatedHostOptions {
  /** DOCKER_HOST of the outer engine, a Unix socket on this machine. */
  docker: string
  /** Reference of the image `gpu-host`. */
  image: string
  /** Name of the container and of the host. */
  name: string
  /** `2x NVIDIA GeForce RTX 4090:24564`. */
  gpus: string
  /** Folder of the inventory and of the inner engine's socket; made if missing. */
  stateDir: string
  mounts?: readonly HostMount[]
  /** What runs in the host once its engine answers; by default nothing. Its end is the host's end. */
  command?: readonly string[]
  env?: Readonly<Record<string, string>>
  /** Network of the outer engine; by default its bridge. `host.docker.internal` is the outer machine. */
  network?: string
  signal?: AbortSignal
}

/** A container that is a GPU host of its own: engine, simulated GPUs, network. */
export interface SimulatedHost extends AsyncDisposable {
  containerId: string
  name: string
  /** The inner engine, as seen from the outer machine. */
  socketPath: string
  dockerHost: string
  gpuDir: string
  nvidiaSmi: string
  /** Removes the host with everything in it. */
  stop: () => Promise<void>
}

/** Starts a simulated GPU host and waits, at most a minute, until its engine answers. */
export async function startSimulatedHost(options: SimulatedHostOptions): Promise<SimulatedHost> {
  await mkdir(resolve(options.stateDir), { recursive: true, mode: 0o711 })
  const stateDir = await realpath(resolve(options.stateDir))
  const runDir = join(stateDir, 'host')
  if (Buffer.byteLength(runDir) > longestRunDir) {
    throw new Error(`The folder "${stateDir}" is too long for a Unix socket; choose one of at most 90 bytes.`)
  }
  await rm(runDir, { recursive: true, force: true })
  await mkdir(runDir, { mode: 0o711 })
  const gpuDir = join(stateDir, 'gpus')
  const nvidiaSmi = join(stateDir, 'nvidia-smi')
  await writeInventory(gpuDir, options.gpus)
  await writeNvidiaSmi(nvidiaSmi, gpuDir)
  const container = toHostContainer({
    image: options.image,
    name: options.name,
    runDir,
    gpuDir,
    mounts: options.mounts ?? [],
    command: options.command ?? ['sleep', 'infinity'],
    env: options.env ?? {},
    network: options.network,
  })
  await removeContainer(options.docker, options.name)
  const containerId = await createContainer(options, container)
  const stop = async () => {
    await removeContainer(options.docker, containerId)
    await rm(runDir, { recursive: true, force: true })
  }
  try {
    await post(options.docker, `/containers/${containerId}/start`)
    await waitForHost(options, containerId, runDir)
  } catch (error) {
    await stop()
    throw error
  }
  const socketPath = join(runDir, 'docker.sock')
  return {
    containerId,
    name: options.name,
    socketPath,
    dockerHost: `unix://${socketPath}`,
    gpuDir,
    nvidiaSmi,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function createContainer(
  { docker, image, name }: SimulatedHostOptions,
  body: unknown,
): Promise<string> {
  try {
    const path = `/containers/create?name=${encodeURIComponent(name)}`
    const { Id } = await callEngineJson<{ Id: string }>(docker, path, { method: 'POST', json: body })
    return Id
  } catch (cause) {
    if (!(cause instanceof EngineError) || cause.status !== 404) throw cause
    throw new Error(`The engine has no image "${image}"; make it with ensureImages and the key "gpu-host".`, {
      cause,
    })
  }
}

async function waitForHost(
  { docker, name, signal }: SimulatedHostOptions,
  id: string,
  runDir: string,
): Promise<void> {
  const state = () => callEngineJson<{ State: { Running: boolean } }>(docker, `/containers/${id}/json`)
  const isReady = () =>
    readFile(join(runDir, 'ready')).then(
      () => true,
      () => false,
    )
  let running = true
  const check = async () => (await isReady()) || !(running = (await state()).State.Running)
  const settled = await waitUntil(check, { timeoutMs: 60_000, intervalMs: 50, signal })
  if (settled && running) return
  const log = await readFile(join(runDir, 'dockerd.log'), 'utf8').catch(() => '')
  const lines = log.trim().split('\n').slice(-8).join('\n')
  throw new Error(
    `The engine of the simulated host "${name}" did not start. The last lines of its log:\n${lines}`,
  )
}

async function removeContainer(docker: string, id: string): Promise<void> {
  try {
    const { body } = await callEngine(docker, `/containers/${encodeURIComponent(id)}?force=1&v=1`, {
      method: 'DELETE',
    })
    body.resume()
  } catch (error) {
    if (!(error instanceof EngineError) || error.status !== 404) throw error
  }
}

async function post(docker: string, path: string): Promise<void> {
  const { body } = await callEngine(docker, path, { method: 'POST' })
  body.resume()
}
