import type { Engine } from './connect.ts'
import { demux, type EngineFrame } from './demux.ts'
import { callEngine, toEngineError } from './errors.ts'

export interface LogOptions {
  readonly follow: boolean
  /** Records from the end; all when undefined. A line over 16 KiB is several records. */
  readonly tail?: number | undefined
  /** `seconds.nanoseconds`, inclusive. A number would lose the nanoseconds. */
  readonly since?: string | undefined
  readonly until?: string | undefined
}

/** The log's frames, each led by its timestamp. With `follow` it ends at every exit of the container. */
export async function* readLogFrames(
  engine: Engine,
  container: string,
  { follow, tail, since, until }: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<EngineFrame> {
  const query = {
    follow,
    stdout: true,
    stderr: true,
    timestamps: true,
    tail: tail ?? 'all',
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
  const body = await callEngine(() => dial(engine, container, query, signal))
  try {
    yield* demux(body)
  } catch (error) {
    throw toEngineError(error)
  }
}

/** The library's own `logs` holds a log that is not followed in memory as a whole. */
function dial(
  engine: Engine,
  container: string,
  query: object,
  abortSignal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { modem } = engine as { modem: Modem }
  const options = {
    path: `/containers/${container}/logs?`,
    method: 'GET',
    options: query,
    isStream: true,
    abortSignal,
    statusCodes: { 200: true, 404: 'no such container', 409: 'conflict', 500: 'server error' },
  }
  return new Promise((resolve, reject) =>
    modem.dial(options, (error, body) => (error ? reject(error) : resolve(body))),
  )
}

interface Modem {
  dial(options: object, done: (error: Error | null, body: AsyncIterable<Uint8Array>) => void): void
}
