import {
  type Channel,
  type Endpoint,
  type FileAnswer,
  GpulabError,
  type HandlerInput,
  type HandlerResult,
  isBytesBody,
  toControlFrame,
} from '@gpulab/contract'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { AnswerBody } from '@gpulab/transport'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { askAgain } from './ask-again.ts'
import { type EventContext, eventMediaType, refusalOf, streamEvents, throwIfRefused } from './events.ts'
import { openChannel } from './open-channel.ts'
import { runAsRequest } from './request-id.ts'
import type { RequestLogLevel } from './request-log.ts'
import type { RequestObserver, StreamKind } from './request-observer.ts'
import { plainConnection, sendElsewhere, SentElsewhere } from './sent-elsewhere.ts'

/** What a handler knows of its caller. */
export interface Context<P> {
  readonly principal: P
  /** Aborts when the caller is gone, or may not have what it is given any more: then with a GpulabError. */
  readonly signal: AbortSignal
  readonly requestId: string
  /** Headers of endpoints that take them: `range`, `if-range`, `if-match`, `if-none-match`. */
  readonly conditions: Readonly<Record<string, string>>
  /** Of a body that is streamed; undefined where the caller has not said. */
  readonly contentLength: number | undefined
  /** The caller's, where another process can be given it: plain TCP, and for this request alone. */
  readonly connection: Socket | undefined
  /** Of endpoints that say what a repeated request gets; undefined when the caller gave none. */
  readonly idempotencyKey: string | undefined
  readonly log: FastifyBaseLogger
}

/** What it throws before it opens the channel is an ordinary answer; after that a last frame tells of it. */
type DuplexHandler<E extends Endpoint, P> = (
  input: HandlerInput<E>,
  context: Context<P>,
  open: () => Promise<Channel>,
) => Promise<void>
type PlainHandler<E extends Endpoint, P> = (
  input: HandlerInput<E>,
  context: Context<P>,
) => Promise<HandlerResult<E>>
export type Handler<E extends Endpoint, P> = E['result'] extends { kind: 'duplex' }
  ? DuplexHandler<E, P>
  : PlainHandler<E, P>

/** What is taken from callers of whom nothing is known. */
const publicBodyMaxBytes = 16 << 10

/** How often it is asked whether a stream may go on. */
const askAgainMs = 15_000
const lingerMs = 5000

interface ServeOptions<P> {
  readonly logLevel?: RequestLogLevel
  /** Asked for as long as a stream is open. Throws, with 401 or 403, where its caller would not get it any more. */
  readonly mayStay?: (request: FastifyRequest, endpoint: Endpoint, principal: P) => Promise<unknown>
}

/** Registers a contract endpoint as a real Fastify route. */
export type Serve<P> = <E extends Endpoint>(endpoint: E, handle: Handler<E, P>) => void

/**
 * Gives the function that serves endpoints on `app`. `authenticate` runs before a body is read or a connection
 * upgraded, and throws when the caller may not use the endpoint; it
 * may set headers of the answer.
 */
export function createServe<P>(
  app: FastifyInstance,
  authenticate: (request: FastifyRequest, endpoint: Endpoint, reply: FastifyReply) => Promise<P>,
  { logLevel = 'info', mayStay }: ServeOptions<P> = {},
): Serve<P> {
  if (!app.hasRequestDecorator('principal')) app.decorateRequest('principal')
  return (endpoint, handle) => {
    const { method, path, params, query, body, result } = endpoint
    const takesBytes = body !== undefined && isBytesBody(body)
    const streamKind = toStreamKind(result)
    const route: RouteOptions = {
      method,
      url: path,
      ...(endpoint.scope === 'public' && { bodyLimit: publicBodyMaxBytes }),
      config: {
        logLevel,
        isStreamed: takesBytes,
        streamKind,
      },
      schema: {
        ...(params && { params }),
        ...(query && { querystring: query }),
        ...(body && !takesBytes && { body }),
      },
      onRequest: async (request, reply) =>
        request.setDecorator('principal', await authenticate(request, endpoint, reply)),
      // An absent body is an empty object to endpoints whose fields are all optional.
      preValidation: async (request) => {
        if (body) request.body ??= takesBytes ? Readable.from([]) : {}
      },
      handler: async (request, reply) => {
        const principal = request.getDecorator<P>('principal')
        const gone = abortWhenGone(reply)
        const isWatched = mayStay !== undefined && (takesBytes || streamKind !== undefined)
        const context: Context<P> = {
          principal,
          signal: isWatched
            ? AbortSignal.any([
                gone,
                abortWhenRefused(() => mayStay(request, endpoint, principal), request, reply),
              ])
            : gone,
          requestId: request.id,
          idempotencyKey: endpoint.idempotency && readIdempotencyKey(request),
          conditions: readConditions(endpoint, request),
          contentLength: readContentLength(request),
          connection: plainConnection(request),
          log: request.log,
        }
        const input = { params: request.params, query: request.query, body: request.body }
        // Fastify has validated these against the schemas that the handler's types are derived from.
        return runAsRequest(request.id, () =>
          answer(endpoint, handle as AnyHandler<P>, input, context, request, reply),
        )
      },
    }
    if (!takesBytes) return void app.route(route)
    void app.register(async (scope) => {
      takeAnyBytes(scope)
      scope.route(route)
    })
  }
}

/** Bytes are bytes, whatever their sender calls them. */
function takeAnyBytes(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

function toStreamKind({ kind }: Endpoint['result']): StreamKind | undefined {
  if (kind === 'file') return 'bytes'
  return kind === 'bytes' || kind === 'events' || kind === 'duplex' ? kind : undefined
}

/** Counts an answer that is a stream until it has ended, however it ends. */
function countUntilClosed({ server }: FastifyRequest, { raw }: FastifyReply, kind: StreamKind): void {
  const close = server.getDecorator<RequestObserver>('observer').opened(kind)
  raw.once('close', close)
}

type AnyHandler<P> = (input: object, context: Context<P>, open?: () => Promise<Channel>) => Promise<unknown>

async function answer<P>(
  endpoint: Endpoint,
  handle: AnyHandler<P>,
  input: object,
  context: Context<P>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { result } = endpoint
  switch (result.kind) {
    case 'json': {
      const parsed = result.schema.safeParse(await handle(input, context))
      if (!parsed.success) throw new GpulabError('internal', { cause: parsed.error })
      return reply.code(result.status).type('application/json').send(JSON.stringify(parsed.data))
    }
    case 'empty':
      await handle(input, context)
      return reply.code(204).send()
    case 'bytes': {
      const source = (await handle(input, context)) as AsyncIterable<Uint8Array>
      countUntilClosed(request, reply, 'bytes')
      return sendStream(reply.type(result.mediaType), source)
    }
    case 'file': {
      const { status, headers, body } = (await handle(input, context)) as FileAnswer
      countUntilClosed(request, reply, 'bytes')
      void reply.code(status).type('application/octet-stream').headers(headers)
      // Nothing that a tenant wrote is ever shown as a page of ours.
      void reply.header('x-content-type-options', 'nosniff').header('content-disposition', 'attachment')
      if (body instanceof SentElsewhere) await sendElsewhere(reply, body)
      else sendStream(reply, body)
      return reply
    }
    case 'events': {
      const mediaType = eventMediaType(request.headers.accept)
      const translate = request.server.getDecorator<EventContext['translate']>('translateError')
      const source = (await handle(input, context)) as AsyncIterable<unknown>
      countUntilClosed(request, reply, 'events')
      void reply.type(mediaType).header('cache-control', 'no-store').header('x-accel-buffering', 'no')
      return reply.send(
        Readable.from(streamEvents(source, result.schema, mediaType, { ...context, translate }), {
          objectMode: false,
        }),
      )
    }
    case 'duplex':
      await serveChannel(handle, input, context, request, reply)
      return reply
  }
}

/** One that is readable already is passed on as it is: each layer more costs time for each chunk. */
function sendStream(reply: FastifyReply, source: AsyncIterable<Uint8Array>): FastifyReply {
  const stream = source instanceof AnswerBody ? source.stream : source
  if (reply.statusCode === 304) {
    // Its connection is free only when its end has been read.
    if (stream instanceof Readable) stream.resume()
    return reply.send()
  }
  reply.raw.once('pipe', (piped: Readable) => piped.on('data', ({ length }: Buffer) => notePassed(length)))
  return reply.send(stream instanceof Readable ? stream : Readable.from(stream, { objectMode: false }))
}

async function serveChannel<P>(
  handle: AnyHandler<P>,
  input: object,
  context: Context<P>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  let opened: Promise<Channel> | undefined
  let close: (() => void) | undefined
  const open = (): Promise<Channel> => {
    close ??= request.server.getDecorator<RequestObserver>('observer').opened('duplex')
    return (opened ??= openChannel(request, reply))
  }
  try {
    await handle(input, context, open)
    throwIfRefused(context.signal)
    await (await opened)?.end()
  } catch (cause) {
    const error = refusalOf(context.signal) ?? cause
    const channel = await opened?.catch(() => undefined)
    // It has left while its connection was being upgraded.
    if (!channel && reply.sent) return
    if (!channel) throw error
    // Whoever has left is told nothing.
    await tellFailure(channel, error, request).catch(() => channel.destroy())
  } finally {
    close?.()
  }
}

async function tellFailure(channel: Channel, error: unknown, request: FastifyRequest): Promise<void> {
  const translate = request.server.getDecorator<EventContext['translate']>('translateError')
  const failure =
    error instanceof GpulabError ? error : (translate(error) ?? new GpulabError('internal', { cause: error }))
  await channel.send(toControlFrame({ type: 'error', ...failure.toEnvelope(request.id).error }))
  if (failure.status >= 500) request.log.error({ err: failure.cause ?? failure }, 'a channel failed')
  await channel.end()
}

const conditionsOf = (endpoint: Endpoint): readonly string[] => [
  ...(endpoint.result.kind === 'file' ? ['range', 'if-range', 'if-none-match'] : []),
  ...(endpoint.conditional ? ['if-match', 'if-none-match'] : []),
]

function readContentLength({ headers }: FastifyRequest): number | undefined {
  const length = headers['content-length']
  return length === undefined || !/^\d{1,15}$/.test(length) ? undefined : Number(length)
}

const readConditions = (endpoint: Endpoint, { headers }: FastifyRequest): Record<string, string> =>
  Object.fromEntries(
    conditionsOf(endpoint).flatMap((name) => {
      const value = headers[name]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )

const keyMaxCharacters = 255

function readIdempotencyKey({ headers }: FastifyRequest): string | undefined {
  const key = headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key === 'string' && key.length <= keyMaxCharacters && /^[!-~]+$/.test(key)) return key
  throw new GpulabError('invalid_request', {
    message: `Idempotency-Key: must be 1 to ${keyMaxCharacters} visible ASCII characters.`,
    hint: 'A random uuid for each request is best.',
  })
}

function abortWhenRefused(
  ask: () => Promise<unknown>,
  request: FastifyRequest,
  { raw }: FastifyReply,
): AbortSignal {
  const controller = new AbortController()
  // It may have left while its key was looked up.
  if (raw.closed || raw.destroyed) return controller.signal
  let timer: NodeJS.Timeout | undefined
  const stop = askAgain({
    ask,
    isRefusal: ({ status }) => status === 401 || status === 403,
    onRefusal: (error) => {
      controller.abort(error)
      // One who does not listen to the reason.
      timer = setTimeout(() => request.raw.socket.destroy(), lingerMs).unref()
    },
    everyMs: askAgainMs,
  })
  raw.once('close', () => {
    stop()
    clearTimeout(timer)
  })
  return controller.signal
}

function abortWhenGone({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  const abort = (): void => controller.abort(new DOMException('The caller is gone', 'AbortError'))
  if ('stream' in raw) {
    // Here the response counts as finished however its stream ended.
    ;(raw as unknown as Http2ServerResponse).stream.once('aborted', abort)
  } else {
    raw.once('close', () => {
      if (!raw.writableFinished) abort()
    })
    if (raw.destroyed || raw.socket?.destroyed === true) abort()
  }
  return controller.signal
}
