import type { Client, control } from '@gpulab/contract'
import { createBackoff } from '../backoff.ts'
import { keepUplink, type UplinkOptions } from './keep-uplink.ts'

interface GatewayOptions extends Omit<UplinkOptions, 'url' | 'proof'> {
  readonly control: Pick<Client<typeof control>, 'gateways'>
}

const listMs = 15_000
const answerMs = 15_000

/** Keeps an uplink to every gateway that the control plane tells of, so that users' traffic takes the short way. */
export async function keepGateways(options: GatewayOptions, signal: AbortSignal): Promise<void> {
  const { control, clock, log } = options
  const kept = new Map<string, AbortController>()
  const backoff = createBackoff(options)
  const list = () => control.gateways.list({}, { signal, timeoutMs: answerMs })
  const dial = async (url: string, ended: AbortController): Promise<void> => {
    // A ticket is good for two minutes, and a gateway that is down may be tried for longer.
    const proof = async (): Promise<string> => (await list()).ticket
    await keepUplink({ ...options, url, proof }, AbortSignal.any([signal, ended.signal])).catch(
      (err: unknown) => {
        if (!signal.aborted && !ended.signal.aborted) log.error({ err, url }, 'a gateway is given up')
      },
    )
    if (kept.get(url) === ended) kept.delete(url)
  }
  for (;;) {
    try {
      const urls = new Set((await list()).gateways.map(({ uplink_url: url }) => url))
      for (const [url, ended] of kept) if (!urls.has(url)) drop(kept, url, ended)
      for (const url of urls.difference(new Set(kept.keys()))) {
        const ended = new AbortController()
        kept.set(url, ended)
        void dial(url, ended)
      }
      backoff.reset()
      await clock.wait(listMs, signal)
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: error }, 'the gateways could not be listed')
      await backoff.wait(signal)
    }
  }
}

/** It is not dialled again; the connection that it may have ends with the gateway. */
function drop(kept: Map<string, AbortController>, url: string, ended: AbortController): void {
  kept.delete(url)
  ended.abort()
}
