import {
  type Channel,
  GpulabError,
  toGpulabError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from '@gpulab/contract'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { hostLost } from './failures.ts'
import { StreamChannel } from './stream-channel.ts'

const http2 = process.getBuiltinModule('node:http2')
const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_STATUS, NGHTTP2_CANCEL } = http2.constants

/** Requests as streams of one HTTP/2 session: how the control plane calls an agent. */
export function createSessionTransport(session: ClientHttp2Session): Transport {
  const open = (call: TransportRequest, endStream: boolean): ClientHttp2Stream => {
    call.signal?.throwIfAborted()
    const stream = session.request(
      { ...call.headers, [HTTP2_HEADER_METHOD]: call.method, [HTTP2_HEADER_PATH]: call.path },
      { endStream, ...(call.signal && { signal: call.signal }) },
    )
    // Whoever waits gets the failure through the promise or the body; this only keeps it from being unhandled.
    stream.on('error', () => {})
    return stream
  }

  const request = async (call: TransportRequest): Promise<TransportResponse> => {
    const stream = openOrThrow(() => open(call, call.body === undefined))
    if (typeof call.body === 'string') stream.end(call.body)
    else if (call.body) feed(stream, call.body)
    const lift = limit(stream, call.timeoutMs)
    const { status, headers } = await headOf(stream, call.signal)
    if (!call.isBodyTimed && status < 400) lift()
    return { status, headers, body: readBody(session, stream, call.signal) }
  }

  const connect = async (call: TransportRequest): Promise<Channel> => {
    const stream = openOrThrow(() => open(call, false))
    const lift = limit(stream, call.timeoutMs)
    const { status } = await headOf(stream, call.signal)
    if (status >= 400) throw toGpulabError(status, JSON.parse(await textOf(stream)))
    // A host that was taken over leads nobody anywhere, and what else it may answer opens nothing.
    if (status !== 200) {
      stream.close(NGHTTP2_CANCEL)
      throw hostLost(new Error(`the host answered with ${status}`))
    }
    lift()
    return new StreamChannel(stream)
  }

  return { request, connect }
}

/** A body that breaks off ends the request, so that the host never takes a part of it for the whole. */
function feed(stream: ClientHttp2Stream, body: AsyncIterable<Uint8Array>): void {
  const source = Readable.from(body, { objectMode: false })
  source.once('error', () => stream.close(NGHTTP2_CANCEL))
  stream.once('close', () => source.destroy())
  source.pipe(stream)
}

function openOrThrow(open: () => ClientHttp2Stream): ClientHttp2Stream {
  try {
    return open()
  } catch (cause) {
    // Why its caller may not have it any more, or that it has left.
    if (cause instanceof GpulabError || (cause instanceof Error && cause.name === 'AbortError')) throw cause
    throw hostLost(cause)
  }
}

/** Ends the stream when its time is over; what it gives back lifts that. */
function limit(stream: ClientHttp2Stream, timeoutMs: number | undefined): () => void {
  if (timeoutMs === undefined) return () => {}
  const timer = setTimeout(
    () => stream.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)),
    timeoutMs,
  )
  const lift = (): void => clearTimeout(timer)
  stream.once('close', lift)
  return lift
}

type Head = Required<Pick<TransportResponse, 'status' | 'headers'>>

async function headOf(stream: ClientHttp2Stream, signal: AbortSignal | undefined): Promise<Head> {
  const { promise, resolve, reject } = Promise.withResolvers<Head>()
  stream.once('response', (headers) => {
    const { [HTTP2_HEADER_STATUS]: status, ...rest } = headers
    resolve({ status: Number(status), headers: rest })
  })
  stream.once('error', reject).once('close', () => reject(new Error('the connection to the host was cut')))
  try {
    return await promise
  } catch (cause) {
    signal?.throwIfAborted()
    throw hostLost(cause)
  }
}

async function* readBody(
  session: ClientHttp2Session,
  stream: ClientHttp2Stream,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array
    // A session that is torn down ends its streams as if they were complete.
    if (session.destroyed) throw new Error('the connection was cut')
  } catch (cause) {
    signal?.throwIfAborted()
    throw hostLost(cause)
  } finally {
    stream.close(NGHTTP2_CANCEL)
  }
}

async function textOf(stream: ClientHttp2Stream): Promise<string> {
  let text = ''
  for await (const chunk of stream.setEncoding('utf8')) text += chunk as string
  return text
}
