import type { ContainerStats } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { getRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import { nameCards } from './name-cards.ts'

/** What a running container uses, as its host measures it. */
export async function readStats(
  deps: Pick<Deps, 'db' | 'clock' | 'uplinks'>,
  principal: Principal,
  uuid: string,
  follow: boolean,
  signal: AbortSignal,
): Promise<AsyncIterable<ContainerStats>> {
  const { row, gpus, host } = await getRunning(deps, principal, uuid)
  const samples = await deps.uplinks
    .to(host.uuid)
    .stats({ params: { uuid: row.uuid }, query: { follow: follow ? 'true' : 'false' } }, { signal })
  return (async function* () {
    for await (const sample of samples) yield nameCards(sample, gpus)
  })()
}
