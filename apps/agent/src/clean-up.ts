import { readConfig } from './config.ts'
import { connectEngine } from './docker/connect.ts'
import { EngineError } from './docker/errors.ts'
import { createLog } from './log.ts'
import { createFirewall } from './network/firewall.ts'
import { createTeamNetworks } from './network/team-networks.ts'
import { toClosedPorts, unmountVolumes } from './volumes/open-volumes.ts'

/**
 * Takes back what the agent made on the host: firewall rules, networks that no container is connected to, and the mounts
 * of volumes, whose content stays.
 */
export async function cleanUp(args: readonly string[]): Promise<number> {
  const config = readConfig(args, process.env)
  const log = createLog(config)
  const layout = {
    chain: config.firewallChain,
    prefix: config.bridgePrefix,
    closedPorts: toClosedPorts(config),
  }
  const firewall = createFirewall(layout, log)
  const networks = createTeamNetworks(
    { engine: connectEngine(config.engineSocket), firewall },
    { prefix: config.bridgePrefix, addressPool: config.addressPool },
  )
  try {
    for (const { id } of await networks.list()) await networks.remove(id, () => false)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    log.warn({ err: error }, 'networks stay: the engine does not answer')
  }
  await unmountVolumes(config.volumesDir, { log, failPoint: () => Promise.resolve() }).catch((err: unknown) =>
    log.warn({ err }, 'volumes stay mounted'),
  )
  // Last: as long as a tenant's bridge is there, it is fenced in.
  await firewall.remove()
  return 0
}
