import { type Engine, startEngine } from '@gpulab/simulated-host'
import type { Part } from './part.ts'
import { killProcess } from './postgres-part.ts'

export interface EnginePart extends Part {
  readonly dockerHost: string
  readonly socketPath: string
  readonly nvidiaSmi: string
}

/** A dockerd of the test's own, started, with a containerd of its own that stays when dockerd is killed, as on real hosts. */
export async function createEnginePart(
  stack: AsyncDisposableStack,
  stateDir: string,
  gpus: string,
): Promise<EnginePart> {
  const options = { stateDir, name: 'fault', gpus }
  const first = await startEngine(options)
  const { dockerHost, socketPath, nvidiaSmi, stop } = first
  let engine: Engine | undefined = first
  stack.defer(() => stop({ keepContainers: false, graceSeconds: 0 }))
  return {
    dockerHost,
    socketPath,
    nvidiaSmi,
    pid: () => engine?.pid ?? 0,
    kill: async () => {
      if (engine) await killProcess(engine.pid)
      engine = undefined
    },
    start: async () => {
      engine ??= await startEngine(options)
    },
  }
}
