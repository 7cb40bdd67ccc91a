import { setTimeout as wait } from 'node:timers/promises'
import type { Deps } from './deps.ts'

const helloMs = 10_000
const retryMs = 1000

/** Tells the API again and again that this gateway runs, until the signal aborts. */
export async function keepKnown(
  { control, config, log, onKnown }: Pick<Deps, 'control' | 'config' | 'log' | 'onKnown'>,
  signal: AbortSignal,
): Promise<void> {
  let isKnown: boolean | undefined
  let trouble: string | undefined
  while (!signal.aborted) {
    try {
      const { proxy_url: proxyUrl } = await control.hello(
        { body: { uplink_url: config.uplinkUrl } },
        { signal, timeoutMs: helloMs },
      )
      if (isKnown !== true) log.info('the API knows us')
      if (isKnown !== true && proxyUrl !== config.proxyUrl.origin)
        log.error(
          { here: config.proxyUrl.origin, there: proxyUrl },
          "GPULAB_PROXY_URL is not the same as the API's",
        )
      isKnown = true
      trouble = undefined
      onKnown()
    } catch (error) {
      if (signal.aborted) return
      // Once for each reason: the second may be the one that is to be mended.
      const { message } = error as Error
      if (message !== trouble) log.warn({ err: error }, 'the API does not answer')
      trouble = message
      isKnown = false
    }
    await wait(isKnown ? helloMs : retryMs, undefined, { signal }).catch(() => {})
  }
}
