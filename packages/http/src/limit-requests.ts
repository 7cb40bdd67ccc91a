import type { FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'

type Raw = IncomingMessage & { readonly stream?: ServerHttp2Stream }

/** So long a client may go on sending what nobody reads any more, to have the answer before its connection ends. */
const lingerMs = 5000

/**
 * How long a request may take to come; an answer may take for ever. What is streamed may take as long as its handler reads
 * it, but not longer: who is answered already is not waited for.
 */
export function limitRequests(app: FastifyInstance, requestTimeoutMs: number): void {
  app.server.headersTimeout = requestTimeoutMs
  const limit = (raw: Raw, ms: number): void => {
    const timer = setTimeout(() => {
      if (!isWhole(raw)) raw.destroy()
    }, ms).unref()
    const lift = (): void => clearTimeout(timer)
    raw.once('end', lift).once('close', lift)
  }
  app.addHook('onRequest', ({ raw, method, routeOptions }, _reply, done) => {
    const { isStreamed } = (routeOptions.config ?? {}) as { isStreamed?: boolean }
    if (!isStreamed && method !== 'GET' && method !== 'HEAD' && !isWhole(raw)) limit(raw, requestTimeoutMs)
    done()
  })
  app.addHook('onResponse', ({ raw }: { raw: Raw }, _reply, done) => {
    // A stream of HTTP/2 is over when its response is.
    if (!isWhole(raw)) limit(raw.resume(), Math.min(lingerMs, requestTimeoutMs))
    done()
  })
}

/** Whether all of it has come, be it read or not; HTTP/2 tells the latter only of what has no body. */
const isWhole = (raw: Raw): boolean => raw.complete || raw.stream?.endAfterHeaders === true
