import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import { get } from 'node:http'
import { get as getSecurely } from 'node:https'

/** Waits until a server answers; `ca` is the authority of its certificate. */
export const untilHealthy = (url: string, ca?: string): Promise<void> =>
  eventually(
    async () => {
      const address = `${url}/healthz`
      const request = ca === undefined ? get(address) : getSecurely(address, { ca, agent: false })
      const [answer] = await once(request, 'response')
      answer.resume()
    },
    { timeoutMs: 60_000 },
  )
