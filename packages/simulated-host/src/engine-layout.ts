import { createHash } from 'node:crypto'
import { join } from 'node:path'

// A Unix socket's path holds at most 107 bytes; the longest that the engine makes below its run folder is
// "docker/libnetwork/<12 hex>.sock".
const longestSocketName = 36

/** Every name that an engine uses, all derived from its state folder and name. */
export interface EngineLayout {
  stateDir: string
  runDir: string
  socketPath: string
  containerdSocket: string
  containerdConfig: string
  dockerdConfig: string
  dockerdLog: string
  containerdLog: string
  stateFile: string
  gpuDir: string
  nvidiaSmi: string
  bridge: string
  chain: string
  cgroup: string
}

/** Lays out an engine. `stateDir` is absolute; a long one gets its sockets in a short folder under `shortRoot`. */
export function toEngineLayout(stateDir: string, name: string, shortRoot = '/run'): EngineLayout {
  const id = createHash('sha256').update(stateDir).digest('hex').slice(0, 10)
  const ownRun = join(stateDir, 'run')
  const runDir =
    Buffer.byteLength(ownRun) + longestSocketName <= 107 ? ownRun : join(shortRoot, `gpulab-${id}`)
  const label = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .slice(0, 6)
  return {
    stateDir,
    runDir,
    socketPath: join(runDir, 'docker.sock'),
    containerdSocket: join(runDir, 'containerd.sock'),
    containerdConfig: join(stateDir, 'containerd.toml'),
    dockerdConfig: join(stateDir, 'dockerd.json'),
    dockerdLog: join(stateDir, 'dockerd.log'),
    containerdLog: join(stateDir, 'containerd.log'),
    stateFile: join(stateDir, 'engine.json'),
    gpuDir: join(stateDir, 'gpus'),
    nvidiaSmi: join(stateDir, 'nvidia-smi'),
    // An interface's name holds at most 15 bytes.
    bridge: `gpl${label}${id.slice(0, 5)}0`,
    chain: `GPULAB-${id}`,
    cgroup: `gpulab-${id}`,
  }
}
