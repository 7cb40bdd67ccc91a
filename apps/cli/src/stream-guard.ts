import { GpulabError, type Transport } from '@gpulab/contract'

/** Servers send an empty line every 15 s into a quiet stream; three missed ones mean that nobody is there. */
const silenceMaxMs = 50_000

/** Ends event streams whose server has vanished without a word, as a cut cable leaves them. */
export const withStreamGuard = (transport: Transport, maxMs = silenceMaxMs): Transport => ({
  ...transport,
  request: async (call) => {
    const response = await transport.request(call)
    return call.headers['accept'] === 'application/x-ndjson'
      ? { ...response, body: guard(response.body, maxMs) }
      : response
  },
})

async function* guard(body: AsyncIterable<Uint8Array>, maxMs: number): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  let isSilent = false
  try {
    for (;;) {
      const step = await within(iterator.next(), maxMs).catch((error: unknown) => {
        isSilent = error instanceof GpulabError && error.cause === undefined
        throw error
      })
      if (step.done) return
      yield step.value
    }
  } finally {
    // The pending read of a silent stream never settles, and its end would wait for it.
    if (!isSilent) await iterator.return?.()
  }
}

async function within<T>(next: Promise<T>, maxMs: number): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new GpulabError('api_unreachable', { message: 'The API stopped sending.' })),
    maxMs,
  )
  try {
    return await Promise.race([next, promise])
  } finally {
    clearTimeout(timer)
  }
}
