import { readLines } from '@gpulab/contract'
import { containerLabel } from '../containers/labels.ts'
import type { Engine } from './connect.ts'
import { callEngine, toEngineError } from './errors.ts'

const actions = ['create', 'start', 'die', 'stop', 'destroy', 'oom', 'pause', 'unpause', 'rename']

/** Gives the uuid of each of our containers that changes, until the connection or the signal ends. */
export async function* followEvents(engine: Engine, signal: AbortSignal): AsyncGenerator<string> {
  const filters = { type: ['container' as const], label: [containerLabel], event: actions }
  const stream = await callEngine(() => engine.getEvents({ filters, abortSignal: signal }))
  try {
    for await (const line of readLines(stream as AsyncIterable<Uint8Array>)) {
      if (line.trim() !== '') yield toUuid(JSON.parse(line))
    }
  } catch (error) {
    throw toEngineError(error)
  }
}

const toUuid = (event: { Actor?: { Attributes?: Record<string, string> } }): string =>
  event.Actor?.Attributes?.[containerLabel] ?? ''
