import { isMounted } from './containers.ts'
import { type MemoryNetwork, refusal, type World } from './world.ts'

interface NetworkOptions {
  readonly Name: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly Options?: Readonly<Record<string, string>>
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] }
}

export function createNetwork(world: World, { Name, Labels, Options, IPAM }: NetworkOptions): object {
  if ([...world.networks.values()].some(({ name }) => name === Name)) {
    throw refusal(409, `network with name ${Name} already exists`)
  }
  const subnets = (IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet]))
  const network: MemoryNetwork = {
    id: world.newId(),
    name: Name,
    labels: Labels ?? {},
    options: Options ?? {},
    subnets,
    createdAt: world.stamp(),
  }
  world.networks.set(network.id, network)
  return { id: network.id }
}

export const listNetworks = ({ networks }: World): object[] =>
  [...networks.values()].map(({ id, name, labels, options, subnets, createdAt }) => ({
    Id: id,
    Name: name,
    Labels: { ...labels },
    Options: { ...options },
    IPAM: { Config: subnets.map((Subnet) => ({ Subnet })) },
    Created: createdAt,
    Driver: 'bridge',
  }))

export function removeNetwork(world: World, ref: string): void {
  const network = [...world.networks.values()].find(({ id, name }) => id === ref || name === ref)
  if (!network) throw refusal(404, `network ${ref} not found`)
  const isUsed = [...world.containers.values()].some(
    ({ status, hostConfig }) => status === 'running' && hostConfig.NetworkMode === network.name,
  )
  if (isUsed) throw refusal(403, `error while removing network: network ${ref} has active endpoints`)
  world.networks.delete(network.id)
}

export function removeVolume(world: World, name: string): void {
  if (!world.volumes.has(name)) throw refusal(404, `get ${name}: no such volume`)
  if (isMounted(world, name)) throw refusal(409, `remove ${name}: volume is in use`)
  world.volumes.delete(name)
}
