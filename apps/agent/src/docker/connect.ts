import Docker from 'dockerode'
import { orAbort } from '@gpulab/transport/or-abort'
import { toCallName } from './call-name.ts'
import { callEngine } from './errors.ts'

/** A connection to one Docker Engine; only this folder looks inside. */
export type Engine = Docker

/** Hears how long the engine took until its answer began. `refused` is an answer too: not found, in use and the like. */
export type OnEngineCall = (call: string, outcome: 'ok' | 'refused' | 'failed', seconds: number) => void

export function connectEngine(socketPath: string, onCall?: OnEngineCall): Engine {
  const engine = new Docker({ socketPath })
  if (onCall) timeCalls(engine, onCall)
  return engine
}

interface Dial {
  dial(options: { method: string; path: string }, callback: (error: unknown, data: unknown) => void): void
}

function timeCalls(engine: Engine, onCall: OnEngineCall): void {
  const modem = engine.modem as Dial
  const dial = modem.dial.bind(modem)
  modem.dial = (options, callback) => {
    const since = performance.now()
    dial(options, (error, data) => {
      const status = (error as { statusCode?: number } | null)?.statusCode ?? 500
      const outcome = error === null || error === undefined ? 'ok' : status < 500 ? 'refused' : 'failed'
      onCall(toCallName(options.method, options.path), outcome, (performance.now() - since) / 1000)
      callback(error, data)
    })
  }
}

const answerMs = 5000
const infoMs = 20_000

/** The engine's version; throws while it does not answer. */
export async function readEngineVersion(engine: Engine): Promise<string> {
  const { Version } = await callEngine(() => orAbort(engine.version(), AbortSignal.timeout(answerMs)))
  return Version
}

/** The directory, on the host, that holds the engine's images and containers. */
export async function readEngineRoot(engine: Engine): Promise<string> {
  const info = await callEngine(() => orAbort(engine.info(), AbortSignal.timeout(infoMs)))
  return (info as { DockerRootDir: string }).DockerRootDir
}
