import { readLines } from '@gpulab/contract'
import { containerLabel } from '../containers/labels.ts'
import type { Engine } from './connect.ts'
import { callEngine, toEngineError } from './errors.ts'

const actions = ['create', 'start', 'die', 'stop', 'destroy', 'oom', 'pause', 'unpause', 'rename']

/** Tells of each change of one of our containers until the connection or the signal ends. */
export async function* followEvents(engine: Engine, signal: AbortSignal): AsyncGenerator<void> {
  const filters = { type: ['container' as const], label: [containerLabel], event: actions }
  const stream = await callEngine(() => engine.getEvents({ filters, abortSignal: signal }))
  try {
    for await (const line of readLines(stream as AsyncIterable<Uint8Array>)) {
      if (line.trim() !== '') yield
    }
  } catch (error) {
    throw toEngineError(error)
  }
}
