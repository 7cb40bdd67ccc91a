import type { FastifyInstance } from 'fastify'

export type StreamKind = 'bytes' | 'events' | 'duplex'

/** What metrics are made from. */
export interface RequestObserver {
  /** `route` is a pattern, or `none` where no route matched. Streams that were opened are not told here. */
  answered(request: {
    readonly method: string
    readonly route: string
    readonly code: string
    readonly seconds: number
  }): void
  /** A stream has begun; what it gives is to be called at its end, once. */
  opened(kind: StreamKind): () => void
}

export const unobserved: RequestObserver = { answered: () => {}, opened: () => () => {} }

/** Methods as clients may invent them are one. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

export function observeAnswers(app: FastifyInstance, observer: RequestObserver): void {
  app.decorate('observer', observer)
  app.addHook('onResponse', ({ method, routeOptions, is404 }, reply, done) => {
    const { streamKind } = routeOptions.config as { streamKind?: StreamKind }
    if (streamKind === undefined || reply.statusCode >= 400) {
      observer.answered({
        method: methods.has(method) ? method : 'other',
        route: is404 ? 'none' : (routeOptions.url ?? 'none'),
        code: String(reply.statusCode),
        seconds: reply.elapsedTime / 1000,
      })
    }
    done()
  })
}
