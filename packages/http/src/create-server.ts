import { GpulabError } from '@gpulab/contract'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import type { ServerOptions as TlsOptions } from 'node:https'
import type { Socket } from 'node:net'
import { z } from 'zod'
import { answerError } from './answer-error.ts'
import { limitRequests } from './limit-requests.ts'
import { RequestLog } from './request-log.ts'
import { observeAnswers, type RequestObserver, unobserved } from './request-observer.ts'
import { requestIdHeader, toRequestId } from './request-id.ts'
import { routeUpgrades } from './upgrades.ts'

export type Server = FastifyInstance

export interface ServerOptions {
  /** A logger, the level for a new one, or none. */
  readonly logger: FastifyBaseLogger | { readonly level: string } | false
  /** PEM key and certificate; plain HTTP without. */
  readonly tls?: Pick<TlsOptions, 'key' | 'cert'>
  /** Makes what a lower layer threw into what users shall see, where that is more than an internal failure. */
  readonly translate?: (error: unknown) => GpulabError | undefined
  /** How long a request may take to come, unless it is streamed. */
  readonly requestTimeoutMs?: number
  /** Hears of each request, for metrics. */
  readonly observer?: RequestObserver
}

const bodyMaxBytes = 4 << 20

/** A Fastify instance that speaks the contract: zod validation, error envelopes, request ids, upgrades as routes. */
export function createServer({
  logger,
  tls,
  translate = () => undefined,
  requestTimeoutMs = 60_000,
  observer = unobserved,
}: ServerOptions): Server {
  const options = {
    ...(logger && 'child' in logger ? { loggerInstance: logger } : { logger }),
    bodyLimit: bodyMaxBytes,
    genReqId: ({ headers }: Pick<IncomingMessage, 'headers'>) => toRequestId(headers),
    // Node has one for all requests: what is streamed may take as long as it goes on. See limitRequests.
    requestTimeout: 0,
    // A long poll or a followed log must not hold up a shutdown.
    forceCloseConnections: true,
    logController: new RequestLog(),
    clientErrorHandler: (_error: Error, socket: Socket) => refuse(socket),
    routerOptions: { maxParamLength: 300 },
  }
  // The two differ in the type of their raw server only, which nothing here looks at.
  const app = tls ? (Fastify({ ...options, https: tls }) as unknown as Server) : Fastify(options)

  app.setValidatorCompiler<z.ZodType>(({ schema, httpPart }) => (data) => {
    const parsed = schema.safeParse(data)
    return parsed.success ? { value: parsed.data } : { error: toInvalidRequest(parsed.error, httpPart) }
  })
  limitRequests(app, requestTimeoutMs)
  acceptEmptyJson(app)
  app.addHook('onRequest', (request, reply, done) => {
    void reply.headers({ [requestIdHeader]: request.id, 'request-id': request.id })
    done()
  })
  observeAnswers(app, observer)
  app.setErrorHandler((error: Error, request, reply) =>
    // What says already what it is may have been caused by anything.
    answerError(error instanceof GpulabError ? error : (translate(error) ?? error), request, reply),
  )
  app.decorate('translateError', translate)
  app.setNotFoundHandler((request) => {
    throw new GpulabError('route_not_found', {
      message: `There is no ${request.method} ${request.url.split('?')[0]}.`,
      hint: 'The reference is at /docs.',
    })
  })
  routeUpgrades(app)
  return app
}

/** Clients that always name their media type send it with requests that have no body, too. */
function acceptEmptyJson(app: Server): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null)
    else void parse(request, body as string, done)
  })
}

function toInvalidRequest(error: z.ZodError, part = 'body'): GpulabError {
  const issues = error.issues.map(({ path, message }) => ({ path: [part, ...path].join('.'), message }))
  const first = issues[0]
  return new GpulabError('invalid_request', {
    message: first ? `${first.path}: ${first.message}` : 'The request is not valid.',
    details: { issues },
  })
}

/** Bytes that are no HTTP request never reach Fastify. */
function refuse(socket: Socket): void {
  if (socket.writable) {
    const body = JSON.stringify(
      new GpulabError('invalid_request', { message: 'That is not an HTTP request.' }).toEnvelope(),
    )
    socket.write(
      `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }
  socket.destroySoon()
}
