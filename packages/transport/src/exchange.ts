import type { TransportRequest, TransportResponse } from '@gpulab/contract'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { notingPassed } from './collect-as-bytes-pass.ts'
import { SteadyBody } from './steady-body.ts'

interface Options {
  /** Makes the request without its body. */
  readonly start: () => ClientRequest
  /** For the answer, where the call says nothing; without either it may take as long as its body does. */
  readonly timeoutMs?: number
  readonly onLate?: () => void
  /** What the caller is told when no whole answer came, and whether the request had left. */
  readonly toFailure: (cause: unknown, isSent: boolean) => Error
}

/** One request of HTTP/1.1 and its answer, with the call's body, limits and signal. */
export async function exchange(
  call: TransportRequest,
  { start, timeoutMs, onLate, toFailure }: Options,
): Promise<TransportResponse> {
  call.signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const outgoing = start()
  const limitMs = call.timeoutMs ?? timeoutMs
  let late: Error | undefined
  const giveUp = (): void => {
    late = new Error(`no answer within ${(limitMs ?? 0) / 1000} s`)
    outgoing.destroy(late)
    onLate?.()
  }
  const timer = limitMs === undefined ? undefined : setTimeout(giveUp, limitMs)
  const abort = (): void => void outgoing.destroy(new DOMException('Aborted', 'AbortError'))
  call.signal?.addEventListener('abort', abort, { once: true })
  const settle = (): void => {
    clearTimeout(timer)
    call.signal?.removeEventListener('abort', abort)
  }
  let isSent = false
  outgoing.once('finish', () => (isSent = true))
  const fail = (cause: unknown): never => {
    call.signal?.throwIfAborted()
    throw toFailure(late ?? cause, isSent)
  }
  outgoing.once('response', resolve).once('error', reject)
  write(outgoing, call.body)
  try {
    const response = await promise
    response.once('close', settle)
    // An answer that does not wait for the rest of the body is the end of it.
    response.once('end', () => {
      if (!outgoing.writableFinished) outgoing.destroy()
    })
    const status = response.statusCode ?? 0
    if (!call.isBodyTimed && status < 400) clearTimeout(timer)
    return { status, headers: response.headers, body: new AnswerBody(response, fail) }
  } catch (cause) {
    settle()
    return fail(cause)
  }
}

function write(outgoing: ClientRequest, body: TransportRequest['body']): void {
  if (body === undefined || typeof body === 'string') {
    outgoing.end(body)
    return
  }
  if (body instanceof SteadyBody) {
    body.pumpTo(outgoing)
    return
  }
  const source = Readable.from(body, { objectMode: false })
  source.once('error', (error) => outgoing.destroy(error))
  outgoing.once('close', () => source.destroy())
  source.pipe(outgoing)
}

/** Of an answer: iterated, it fails with what the caller is told; whoever passes it on has its stream. */
export class AnswerBody implements AsyncIterable<Uint8Array> {
  readonly stream: Readable
  readonly #fail: (cause: unknown) => never

  constructor(stream: Readable, fail: (cause: unknown) => never) {
    this.stream = stream
    this.#fail = fail
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      yield* notingPassed(this.stream)
    } catch (cause) {
      this.#fail(cause)
    }
  }
}
