import type { UplinkServer } from '@gpulab/http'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'

export interface UplinkOptions extends Timing {
  readonly url: string
  /** What it shows there: proven only now. */
  readonly proof: () => Promise<string>
  readonly insecure: boolean
  readonly server: UplinkServer
  readonly log: FastifyBaseLogger
}

/** A connection that lasted so long was a good one: the next attempt need not wait. */
const goodMs = 30_000

/** Dials a replica of the control plane or a gateway and serves on the connection, again and again until the signal aborts. */
export async function keepUplink(options: UplinkOptions, signal: AbortSignal): Promise<void> {
  const { url, proof, insecure, server, clock, log } = options
  const backoff = createBackoff(options)
  let hasFailed = false
  for (;;) {
    const dialledAt = clock.monotonic()
    try {
      // An uplink outlives its session, so the control plane takes no old ones.
      const headers = { authorization: `Bearer ${await proof()}` }
      const uplink = await server.dial({ url, headers, insecure, signal })
      hasFailed = false
      log.info({ url }, 'uplink is up')
      await uplink.closed
      log.info({ url }, 'uplink has ended')
    } catch (error) {
      signal.throwIfAborted()
      // Once: it may go on for as long as the other side is away.
      log[hasFailed ? 'debug' : 'warn']({ err: error, url }, 'uplink could not be made')
      hasFailed = true
    }
    if (clock.monotonic() - dialledAt > goodMs) backoff.reset()
    await backoff.wait(signal)
  }
}
