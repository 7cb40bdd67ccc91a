import { callEngine, callEngineJson } from '@gpulab/images'
import type { StateLayout } from '../state-layout.ts'

interface ListedContainer {
  Id: string
  NetworkSettings: { Networks: Record<string, unknown> }
}

/** Stops or removes this system's containers in an engine that is not ours to stop. */
export async function endContainers(
  { bridgePrefix }: StateLayout,
  dockerHost: string,
  { keep }: { keep: boolean },
): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['ai.gpulab.container'] }))
  const listed = await callEngineJson<ListedContainer[]>(
    dockerHost,
    `/containers/json?all=1&filters=${filters}`,
  )
  // Another system's agent may use the same engine; its networks have another prefix.
  const own = listed.filter(({ NetworkSettings }) =>
    Object.keys(NetworkSettings.Networks).some((network) => network.startsWith(`${bridgePrefix}-`)),
  )
  await Promise.all(
    own.map(async ({ Id }) => {
      const { body } = keep
        ? await callEngine(dockerHost, `/containers/${Id}/stop?t=5`, { method: 'POST' })
        : await callEngine(dockerHost, `/containers/${Id}?force=1&v=1`, { method: 'DELETE' })
      body.resume()
    }),
  )
}
