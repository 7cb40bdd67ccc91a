import { request, type IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

/** An answer of the Engine with a status below 400. */
export interface EngineAnswer {
  status: number
  body: IncomingMessage
}

/** The Engine's refusal: its own message, and the HTTP status that tells missing (404) from busy (409). */
export class EngineError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'EngineError'
    this.status = status
  }
}

/** What a call sends. `idleMs` ends a call on which nothing moves for so long. */
export interface EngineCall {
  method?: 'GET' | 'POST' | 'DELETE' | 'HEAD'
  json?: unknown
  stream?: Readable
  idleMs?: number
  signal?: AbortSignal | undefined
}

/** Path of the Unix socket of a DOCKER_HOST. Throws one sentence for other kinds of address. */
export function toSocketPath(dockerHost: string): string {
  if (dockerHost.startsWith('unix://')) return dockerHost.slice('unix://'.length)
  if (dockerHost.startsWith('/')) return dockerHost
  throw new Error(
    `The engine address "${dockerHost}" is no Unix socket; give one such as unix:///var/run/docker.sock.`,
  )
}

/** Calls the Docker Engine's HTTP API over its Unix socket. The caller reads or destroys the body. */
export function callEngine(dockerHost: string, path: string, call: EngineCall = {}): Promise<EngineAnswer> {
  const socketPath = toSocketPath(dockerHost)
  const payload = call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json))
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath,
      path,
      method: call.method ?? 'GET',
      agent: false,
      headers: {
        host: 'docker',
        connection: 'close',
        ...(payload && { 'content-type': 'application/json', 'content-length': payload.length }),
        ...(call.stream && { 'content-type': 'application/x-tar' }),
      },
      ...(call.signal && { signal: call.signal }),
    })
    outgoing.setTimeout(call.idleMs ?? 60_000, () =>
      outgoing.destroy(
        new Error(`The engine at ${socketPath} did not answer ${call.method ?? 'GET'} ${path} in time.`),
      ),
    )
    outgoing.on('error', reject)
    outgoing.on('response', (body) => {
      const status = body.statusCode ?? 500
      if (status < 400) resolve({ status, body })
      else readText(body).then((text) => reject(new EngineError(status, toMessage(text, status))), reject)
    })
    if (call.stream) {
      call.stream.on('error', (error) => outgoing.destroy(error))
      call.stream.pipe(outgoing)
    } else outgoing.end(payload)
  })
}

/** As `callEngine`, with the answer read and parsed; undefined for an empty one. */
export async function callEngineJson<T>(dockerHost: string, path: string, call: EngineCall = {}): Promise<T> {
  const { body } = await callEngine(dockerHost, path, call)
  const text = await readText(body)
  return (text.trim() === '' ? undefined : JSON.parse(text)) as T
}

/** Reads a stream to its end as text. */
export async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function toMessage(text: string, status: number): string {
  try {
    const parsed = JSON.parse(text) as { message?: string }
    return parsed.message ?? text
  } catch {
    return text.trim() || `HTTP status ${status}`
  }
}
