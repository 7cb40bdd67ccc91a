import { readLines } from '@gpulab/contract'
import { orAbort } from '../backoff.ts'
import type { Engine } from './connect.ts'
import { callEngine, EngineError, hasStatus, toEngineError } from './errors.ts'

/** What an image says about how it wants to be run. */
export interface EngineImage {
  readonly id: string
  readonly env: readonly string[]
  readonly command: readonly string[]
  readonly entrypoint: readonly string[]
}

/** One line of the engine's report of a pull. */
export interface PullEvent {
  readonly id?: string
  readonly status?: string
  readonly progressDetail?: { readonly current?: number; readonly total?: number }
}

const inspectMs = 20_000

export async function findImage(engine: Engine, reference: string): Promise<EngineImage | undefined> {
  try {
    const { Id, Config } = await callEngine(() =>
      orAbort(engine.getImage(reference).inspect(), AbortSignal.timeout(inspectMs)),
    )
    return {
      id: Id,
      env: Config.Env ?? [],
      command: Config.Cmd ?? [],
      entrypoint: [Config.Entrypoint ?? []].flat(),
    }
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    throw error
  }
}

/** Pulls exactly this reference (with tag or digest: without, the engine would pull every tag). */
export async function pullImage(
  engine: Engine,
  reference: string,
  onEvent: (event: PullEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const stream = await callEngine(() => engine.createImage({ fromImage: reference, abortSignal: signal }))
  try {
    for await (const line of readLines(stream as AsyncIterable<Uint8Array>)) {
      if (line.trim() === '') continue
      const event = JSON.parse(line) as PullEvent & { error?: string }
      if (event.error !== undefined) throw new EngineError(event.error, 500, event)
      onEvent(event)
    }
  } catch (error) {
    throw toEngineError(error)
  }
}
