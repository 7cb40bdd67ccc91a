import type { GpuType } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'

const limitMs = 60_000

/** Waits until the API shows the host's cards; gives the types that are there. */
export async function waitForHost(
  api: ApiClient,
  { gpuCount, ended, signal }: { gpuCount: number; ended: Promise<string>; signal: AbortSignal },
): Promise<GpuType[]> {
  const deadline = performance.now() + limitMs
  let end: string | undefined
  void ended.then((text) => (end = text))
  for (;;) {
    const { items } = await api.gpus.listTypes({ query: { limit: 100 } }, { signal })
    const present = items.filter(({ total }) => total > 0)
    if (present.reduce((sum, { total }) => sum + total, 0) >= gpuCount) return present
    if (end !== undefined) throw new Error(end)
    if (performance.now() > deadline) {
      throw new Error(
        `The host did not show its ${gpuCount} GPUs within ${limitMs / 1000} seconds; see the agent's log.`,
      )
    }
    await delay(100, undefined, { signal })
  }
}
