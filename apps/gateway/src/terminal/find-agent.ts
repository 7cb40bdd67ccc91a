import type { AgentClient } from '@gpulab/http'
import type { Deps } from '../deps.ts'
import { getHost } from '../routes/read-route.ts'
import { toUplinkName } from '../uplinks/uplink-name.ts'

/** The agent that has a container, where that runs. */
export async function findAgent(
  { routes, uplinks }: Pick<Deps, 'routes' | 'uplinks'>,
  uuid: string,
): Promise<AgentClient> {
  return uplinks.to(toUplinkName(getHost(await routes.find(uuid))))
}
