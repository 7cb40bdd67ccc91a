import type { Server } from '@gpulab/http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Readiness } from './readiness.ts'

export interface RequestsInFlight {
  count(): number
  /** Resolves when none is left, or when the signal aborts. */
  untilNone(signal: AbortSignal): Promise<void>
}

const lookMs = 20

/**
 * Counts requests that will have an answer soon: streams, which last as long as somebody wants, are not among them. While
 * the process drains, each answer tells its client to come on another connection, which a balancer takes elsewhere.
 */
export function countRequests(app: Server, readiness: Readiness): RequestsInFlight {
  const open = new Set<object>()
  app.addHook('onRequest', ({ routeOptions }, reply, done) => {
    if (readiness.isDraining()) void reply.header('connection', 'close')
    const { streamKind } = routeOptions.config as { streamKind?: string }
    if (streamKind === undefined) {
      open.add(reply)
      reply.raw.once('close', () => open.delete(reply))
    }
    done()
  })
  return {
    count: () => open.size,
    untilNone: async (signal) => {
      while (open.size > 0 && !signal.aborted) await delay(lookMs, undefined, { signal }).catch(() => {})
    },
  }
}
