import { ensureImages } from '@gpulab/images'
import { startEngine } from '@gpulab/simulated-host'
import { eventually } from '@gpulab/testing'
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
  /** As `systemctl restart docker` does on a host without live-restore: every container ends. */
  restartPlainly(): Promise<void>
}

const gpus = '2x NVIDIA GeForce RTX 4090:24564, NVIDIA H100 80GB HBM3:81559'

/** An engine with three simulated GPUs of this test file alone, so that it may be killed. */
export async function startTestEngine(): Promise<TestEngine> {
  const stateDir = await mkdtemp(join(tmpdir(), 'gpulab-agent-'))
  const options = { stateDir, name: 'agent', gpus }
  let { pid, dockerHost, nvidiaSmi, socketPath, stop } = await startEngine(options)
  const { busybox } = await ensureImages({ dockerHost, keys: ['busybox'] })
  const engine = connectEngine(socketPath)
  const start = async (): Promise<void> => {
    ;({ pid, stop } = await startEngine(options))
  }
  return {
    dockerHost,
    engine,
    nvidiaSmi,
    gpuFolder: join(stateDir, 'gpus'),
    image: busybox.reference,
    kill: async () => void process.kill(pid, 'SIGKILL'),
    start,
    restartPlainly: async () => {
      const file = join(stateDir, 'dockerd.json')
      const config = JSON.parse(await readFile(file, 'utf8'))
      await writeFile(file, JSON.stringify({ ...config, 'live-restore': false }))
      process.kill(pid, 'SIGHUP')
      await eventually(async () => {
        const info = (await engine.info()) as { LiveRestoreEnabled?: boolean }
        if (info.LiveRestoreEnabled) throw new Error('The engine still has live-restore.')
      })
      process.kill(pid, 'SIGTERM')
      await eventually(() => expectGone(pid), { timeoutMs: 60_000 })
      await start()
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

function expectGone(pid: number): void {
  try {
    process.kill(pid, 0)
  } catch {
    return
  }
  throw new Error('The engine still runs.')
}
