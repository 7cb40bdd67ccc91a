import { setTimeout as delay } from 'node:timers/promises'
import { findProgram, tryCommand } from '@gpulab/images'
import { ensureEngineInstalled, parseGpuSpec, startEngine } from '@gpulab/simulated-host'
import { findProcess, isRunning } from '../processes.ts'
import type { StateLayout } from '../state-layout.ts'
import { startHostContainer } from './host-container.ts'
import { endContainers } from './machine-containers.ts'
import { findMachineEngine, type MachineEngine } from './machine-engine.ts'

/** What runs the containers: an engine of ours, this machine's, or one inside a container of this machine's. */
export type EngineKind = 'own' | 'machine' | 'host-container'

/** An engine that is ready. Its end stops what was started for it; containers stay for the next time. */
export interface RunningEngine extends AsyncDisposable {
  kind: EngineKind
  /** The engine that the containers run in. */
  dockerHost: string
  /** Which nvidia-smi the agent asks; undefined where the agent runs inside the host already. */
  nvidiaSmi: string | undefined
  gpuCount: number
  /** Settles when it ends by itself. */
  ended: Promise<string>
}

export interface EngineOptions {
  gpus: string
  env: NodeJS.ProcessEnv
  keepContainers: boolean
  note: (text: string) => void
  signal: AbortSignal
}

/** Finds or starts the engine that this machine lets us have. Throws one sentence where there is none. */
export async function openEngine(layout: StateLayout, options: EngineOptions): Promise<RunningEngine> {
  const gpuCount = parseGpuSpec(options.gpus).reduce((sum, { count }) => sum + count, 0)
  const machine = await findMachineEngine(options.env)
  if (machine) {
    const hostOptions = { ...options, machine, gpuCount }
    return (await useRealGpus(layout, machine, options)) ?? startHostContainer(layout, hostOptions)
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      'No Docker Engine answers and only root can start one; run this as root, or start Docker and set DOCKER_HOST.',
    )
  }
  return startOwn(layout, options, gpuCount)
}

async function useRealGpus(
  layout: StateLayout,
  { dockerHost, hasNvidiaRuntime }: MachineEngine,
  { keepContainers }: EngineOptions,
): Promise<RunningEngine | undefined> {
  const hasToolkit = hasNvidiaRuntime || (await findProgram('nvidia-container-runtime-hook')) !== undefined
  if (!hasToolkit || (await findProgram('nvidia-smi')) === undefined) return undefined
  const { exitCode, stdout } = await tryCommand('nvidia-smi', ['-L'])
  const gpuCount = stdout.split('\n').filter((line) => line.startsWith('GPU ')).length
  if (exitCode !== 0 || gpuCount === 0) return undefined
  return {
    kind: 'machine',
    dockerHost,
    nvidiaSmi: 'nvidia-smi',
    gpuCount,
    // Not ours to watch: the agent waits until it is back.
    ended: new Promise(() => {}),
    [Symbol.asyncDispose]: () => endContainers(layout, dockerHost, { keep: keepContainers }),
  }
}

async function startOwn(
  layout: StateLayout,
  { gpus, keepContainers, note, signal }: EngineOptions,
  gpuCount: number,
): Promise<RunningEngine> {
  note('looking for what a Docker Engine needs')
  await ensureEngineInstalled()
  note('starting')
  const engine = await startEngine({ stateDir: layout.engineDir, name: 'up', gpus, signal })
  const watch = new AbortController()
  return {
    kind: 'own',
    dockerHost: engine.dockerHost,
    nvidiaSmi: engine.nvidiaSmi,
    gpuCount,
    ended: watchProcess(engine.pid, watch.signal).then(
      () => `The Docker Engine ended; see ${layout.engineDir}/dockerd.log.`,
    ),
    [Symbol.asyncDispose]: async () => {
      watch.abort()
      await engine.stop({ keepContainers })
    },
  }
}

// The engine is no child of ours when it was adopted, so nothing but looking tells that it ended.
async function watchProcess(pid: number, signal: AbortSignal): Promise<void> {
  const identity = await findProcess(pid)
  if (!identity) return
  do {
    await delay(1000, undefined, { signal, ref: false }).catch(() => undefined)
    if (signal.aborted) return new Promise(() => {})
  } while (await isRunning(identity))
}
