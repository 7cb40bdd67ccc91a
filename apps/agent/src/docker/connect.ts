import Docker from 'dockerode'
import { orAbort } from '@gpulab/transport/or-abort'
import { callEngine } from './errors.ts'

/** A connection to one Docker Engine; only this folder looks inside. */
export type Engine = Docker

export const connectEngine = (socketPath: string): Engine => new Docker({ socketPath })

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
