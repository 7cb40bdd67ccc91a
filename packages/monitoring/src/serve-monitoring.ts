import { GpulabError } from '@gpulab/contract'
import { toListenTarget } from '@gpulab/http'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Readiness } from './readiness.ts'

interface Monitored {
  readonly registry: Registry
  readonly readiness: Readiness
}

/**
 * Serves `/metrics`, `/healthz` and `/readyz` on an address of their own, so that no tenant and nobody outside reads
 * them. Gives what ends it.
 */
export async function serveMonitoring(address: string, monitored: Monitored): Promise<() => void> {
  const server = createServer((request, response) => {
    answer(monitored, request, response).catch(() => response.destroy())
  })
  server.listen(toListenTarget(address, 'GPULAB_MONITOR_LISTEN'))
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new GpulabError('config_invalid', {
      message: `Cannot listen on ${address}: ${(cause as Error).message}.`,
      hint: 'Choose another address with GPULAB_MONITOR_LISTEN.',
      cause,
    })
  }
  return () => {
    server.close()
    server.closeAllConnections()
  }
}

async function answer(
  { registry, readiness }: Monitored,
  { method, url }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const send = (status: number, mediaType: string, body: string): void => {
    response.writeHead(status, { 'content-type': mediaType, 'cache-control': 'no-store' })
    response.end(method === 'HEAD' ? undefined : body)
  }
  const sendJson = (status: number, body: unknown): void =>
    send(status, 'application/json', `${JSON.stringify(body)}\n`)
  if (method !== 'GET' && method !== 'HEAD') return sendJson(405, { status: 'only GET' })
  switch (url?.split('?')[0] ?? '') {
    case '/metrics':
      return send(200, registry.contentType, await registry.metrics())
    case '/healthz':
      return sendJson(200, { status: 'ok' })
    case '/readyz': {
      const { ready, checks } = await readiness.read()
      return sendJson(ready ? 200 : 503, { status: ready ? 'ready' : 'not_ready', checks })
    }
    default:
      return sendJson(404, { status: 'there are /metrics, /healthz and /readyz' })
  }
}
