import { GpulabError, type Transport } from '@gpulab/contract'
import { maskKey } from './profile.ts'

/** Tells each request and its answer, without the key and without bodies, which may hold secrets. */
export const withDebug = (transport: Transport, url: string, tell: (line: string) => void): Transport => ({
  ...transport,
  connect: (call) => {
    tell(`> ${call.method} ${url}${call.path} (WebSocket)`)
    return transport.connect(call)
  },
  request: async (call) => {
    const startedAt = performance.now()
    const elapsed = (): string => `${Math.round(performance.now() - startedAt)} ms`
    tell(`> ${call.method} ${url}${call.path}`)
    for (const [name, value] of Object.entries(call.headers)) {
      tell(`> ${name}: ${name === 'api-key' ? maskKey(value) : value}`)
    }
    if (typeof call.body === 'string') tell(`> (${Buffer.byteLength(call.body)} bytes)`)
    try {
      const response = await transport.request(call)
      tell(`< ${response.status} (${elapsed()})`)
      return response
    } catch (error) {
      tell(`< ${error instanceof GpulabError ? error.message : 'aborted'} (${elapsed()})`)
      throw error
    }
  },
})
