import Docker from 'dockerode'
import { orAbort } from '../backoff.ts'
import { callEngine } from './errors.ts'

/** A connection to one Docker Engine; only this folder looks inside. */
export type Engine = Docker

export const connectEngine = (socketPath: string): Engine => new Docker({ socketPath })

const answerMs = 5000

/** The engine's version; throws while it does not answer. */
export async function readEngineVersion(engine: Engine): Promise<string> {
  const { Version } = await callEngine(() => orAbort(engine.version(), AbortSignal.timeout(answerMs)))
  return Version
}
