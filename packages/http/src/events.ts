import { GpulabError } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import type { z } from 'zod'

const ndjson = 'application/x-ndjson'
const sse = 'text/event-stream'
type EventMediaType = typeof ndjson | typeof sse

/** So that proxies keep a quiet stream open and a dead client is noticed. */
const keepAliveMs = 15_000

export interface EventContext {
  readonly signal: AbortSignal
  readonly requestId: string
  readonly log: FastifyBaseLogger
  readonly translate: (error: unknown) => GpulabError | undefined
}

/** Why a caller may not have a stream any more, if that is why it was aborted. */
export const refusalOf = ({ reason }: AbortSignal): GpulabError | undefined =>
  reason instanceof GpulabError ? reason : undefined

export function throwIfRefused(signal: AbortSignal): void {
  const refusal = refusalOf(signal)
  if (refusal) throw refusal
}

/** NDJSON unless the client asks for server-sent events. */
export const eventMediaType = (accept = ''): EventMediaType => (accept.includes(sse) ? sse : ndjson)

/**
 * Encodes events one a line. Begins with an empty line, so that the head of the answer leaves at once. A failure
 * after that is a last line with an error envelope: the status has long been sent.
 */
export async function* streamEvents(
  source: AsyncIterable<unknown>,
  schema: z.ZodType,
  mediaType: EventMediaType,
  { signal, requestId, log, translate }: EventContext,
): AsyncGenerator<string> {
  const encode = (value: unknown): string =>
    mediaType === sse ? `data: ${JSON.stringify(value)}\n\n` : `${JSON.stringify(value)}\n`
  const idle = mediaType === sse ? ':\n\n' : '\n'
  const iterator = source[Symbol.asyncIterator]()
  yield idle
  try {
    let next = iterator.next()
    for (;;) {
      const step = await orIdle(next)
      if (step === undefined) {
        yield idle
        continue
      }
      throwIfRefused(signal)
      if (step.done) return
      yield encode(schema.parse(step.value))
      next = iterator.next()
    }
  } catch (cause) {
    const refusal = refusalOf(signal)
    if (signal.aborted && !refusal) return
    const error = refusal ?? cause
    const failure =
      error instanceof GpulabError
        ? error
        : (translate(error) ?? new GpulabError('internal', { cause: error }))
    if (failure.status >= 500) log.error({ err: failure.cause ?? failure }, 'event stream failed')
    yield encode(failure.toEnvelope(requestId))
  } finally {
    await iterator.return?.()
  }
}

async function orIdle<T>(next: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, keepAliveMs, undefined)
  try {
    return await Promise.race([next, promise])
  } finally {
    clearTimeout(timer)
  }
}
