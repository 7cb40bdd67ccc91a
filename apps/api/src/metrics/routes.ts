import type { Server } from '@gpulab/http'
import type { Deps } from '../deps.ts'

// They are asked every second or two.
const config = { logLevel: 'debug' }

/** For balancers, on the address that they send requests to. Why it is not ready, and metrics, are on another one. */
export function monitorRoutes(app: Server, { readiness }: Pick<Deps, 'readiness'>): void {
  app.get('/healthz', { config }, () => Promise.resolve({ status: 'ok' }))
  app.get('/readyz', { config }, async (_request, reply) => {
    const { ready } = await readiness.read()
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready' })
  })
}
