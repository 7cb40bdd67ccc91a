import { dialUplink, type UplinkServer } from '@gpulab/http'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'

export interface UplinkOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly insecure: boolean
  readonly server: UplinkServer
  readonly log: FastifyBaseLogger
}

/** A connection that lasted so long was a good one: the next attempt need not wait. */
const goodMs = 30_000

/** Dials the control plane and serves on the connection, again and again until the signal aborts. */
export async function keepUplink(options: UplinkOptions, signal: AbortSignal): Promise<void> {
  const { url, headers, insecure, server, log } = options
  const backoff = createBackoff()
  for (;;) {
    const dialledAt = Date.now()
    try {
      const socket = await dialUplink({ url, headers, insecure, signal })
      log.info({ url }, 'uplink is up')
      await server.serve(socket)
      log.info({ url }, 'uplink has ended')
    } catch (error) {
      signal.throwIfAborted()
      log.warn({ err: error, url }, 'uplink could not be made')
    }
    if (Date.now() - dialledAt > goodMs) backoff.reset()
    await backoff.wait(signal)
  }
}
