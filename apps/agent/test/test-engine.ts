import { ensureImages } from '@gpulab/images'
import { startEngine } from '@gpulab/simulated-host'
import { connectEngine, type Engine } from '../src/docker/connect.ts'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TestEngine extends AsyncDisposable {
  readonly dockerHost: string
  readonly engine: Engine
  readonly nvidiaSmi: string
  /** Holds the simulated GPUs, see packages/simulated-host/gpu/nvidia-smi. */
  readonly gpuFolder: string
  /** A small image with busybox whose command is a shell. */
  readonly image: string
  /** Kills the engine; containers go on. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Of a killed engine: it comes back with the belief that the container has never been started. */
  forgetRun(id: string): Promise<void>
}

const gpus = '2x NVIDIA GeForce RTX 4090:24564, NVIDIA H100 80GB HBM3:81559'

/** An engine with three simulated GPUs of this test file alone, so that it may be killed. */
export async function startTestEngine(): Promise<TestEngine> {
  const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-agent-'))
  const options = { stateDir, name: 'agent', gpus }
  let { pid, dockerHost, nvidiaSmi, socketPath, stop } = await startEngine(options)
  const { busybox } = await ensureImages({ dockerHost, keys: ['busybox'] })
  return {
    dockerHost,
    engine: connectEngine(socketPath),
    nvidiaSmi,
    gpuFolder: join(stateDir, 'gpus'),
    image: busybox.reference,
    kill: async () => void process.kill(pid, 'SIGKILL'),
    start: async () => {
      ;({ pid, stop } = await startEngine(options))
    },
    forgetRun: async (id) => {
      const file = join(stateDir, 'data/containers', id, 'config.v2.json')
      const config = JSON.parse(await readFile(file, 'utf8')) as { State: Record<string, unknown> }
      Object.assign(config.State, { Running: false, Pid: 0, StartedAt: '0001-01-01T00:00:00Z' })
      await writeFile(file, JSON.stringify(config))
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      await rm(stateDir, { recursive: true, force: true })
    },
  }
}
