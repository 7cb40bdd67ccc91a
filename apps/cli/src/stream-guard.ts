import { GpulabError, type Transport } from '@gpulab/contract'

/** Servers send an empty line every 15 s into a quiet stream; three missed ones mean that nobody is there. */
const silenceMaxMs = 50_000

/** Ends event streams whose server has vanished without a word, as a cut cable leaves them. */
export const withStreamGuard = (transport: Transport, maxMs = silenceMaxMs): Transport => ({
  ...transport,
  request: async (call) => {
    if (call.headers['accept'] !== 'application/x-ndjson') return transport.request(call)
    const silence = new AbortController()
    const signal = call.signal ? AbortSignal.any([call.signal, silence.signal]) : silence.signal
    const response = await transport.request({ ...call, signal })
    return { ...response, body: guard(response.body, silence, maxMs) }
  },
})

/** The abort ends the pending read and its connection, which would keep the process alive. */
async function* guard(
  body: AsyncIterable<Uint8Array>,
  silence: AbortController,
  maxMs: number,
): AsyncGenerator<Uint8Array> {
  const listen = (): NodeJS.Timeout =>
    setTimeout(
      () => silence.abort(new GpulabError('api_unreachable', { message: 'The API stopped sending.' })),
      maxMs,
    )
  let timer = listen()
  try {
    for await (const chunk of body) {
      clearTimeout(timer)
      yield chunk
      timer = listen()
    }
  } finally {
    clearTimeout(timer)
  }
}
