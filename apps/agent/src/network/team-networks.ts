import { createHash } from 'node:crypto'
import { teamLabel } from '../containers/labels.ts'
import type { Engine } from '../docker/connect.ts'
import { EngineError } from '../docker/errors.ts'
import { createNetwork, type EngineNetwork, listNetworks, removeNetwork } from '../docker/networks.ts'
import type { Firewall } from './firewall.ts'
import { freeSubnets } from './subnets.ts'

export interface TeamNetworksDeps {
  readonly engine: Engine
  readonly firewall: Firewall
}

export interface TeamNetworksOptions {
  readonly prefix: string
  /** The engine's own pools when undefined. */
  readonly addressPool: string | undefined
}

export interface TeamNetworks {
  /** The team's network by name, made and fenced in if it is not there. */
  ensure(team: string): Promise<string>
  list(): Promise<TeamNetwork[]>
  /** Unless it is wanted by then, or something is connected to it. */
  remove(id: string, isWanted: () => boolean): Promise<void>
}

export interface TeamNetwork {
  readonly id: string
  readonly name: string
  readonly team: string
  readonly createdAt: string
}

const subnetTries = 64

/** One bridge network a team, made on demand. Making and removing take turns. */
export function createTeamNetworks(
  { engine, firewall }: TeamNetworksDeps,
  { prefix, addressPool }: TeamNetworksOptions,
): TeamNetworks {
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
  const own = (networks: readonly EngineNetwork[]): EngineNetwork[] =>
    networks.filter(
      ({ labels, bridge }) => labels[teamLabel] !== undefined && bridge.startsWith(`${prefix}-`),
    )

  return {
    ensure: (team) =>
      inTurn(async () => {
        const networks = await listNetworks(engine)
        const present = own(networks).find(({ labels }) => labels[teamLabel] === team)
        if (present) return present.name
        const bridge = toBridge(prefix, team, new Set(networks.map((network) => network.bridge)))
        // Fenced in before the first packet can flow.
        await firewall.ensure(bridge)
        const spec = { name: `${prefix}-${team}`, bridge, labels: { [teamLabel]: team } }
        const taken = networks.flatMap(({ subnets }) => subnets)
        await createInPool(
          engine,
          spec,
          addressPool === undefined ? undefined : freeSubnets(addressPool, taken),
        )
        return spec.name
      }),
    list: async () =>
      own(await listNetworks(engine)).map(({ id, name, labels, createdAt }) => ({
        id,
        name,
        team: labels[teamLabel] ?? '',
        createdAt,
      })),
    remove: (id, isWanted) =>
      inTurn(async () => {
        if (!isWanted()) await removeNetwork(engine, id)
      }),
  }
}

/** An interface's name has room for 8 digits, which two teams may share. */
export function toBridge(prefix: string, team: string, taken: ReadonlySet<string>): string {
  let digits = team
  while (taken.has(`${prefix}-${digits.slice(0, 8)}`))
    digits = createHash('sha256').update(digits).digest('hex')
  return `${prefix}-${digits.slice(0, 8)}`
}

async function createInPool(
  engine: Engine,
  spec: Parameters<typeof createNetwork>[1],
  subnets: Iterator<string> | undefined,
): Promise<void> {
  if (!subnets) return createNetwork(engine, spec)
  for (let tried = 0; tried < subnetTries; tried++) {
    const { value: subnet, done } = subnets.next()
    if (done) break
    try {
      return await createNetwork(engine, { ...spec, subnet })
    } catch (error) {
      // Routes and bridges of the host that are no networks of the engine.
      if (!(error instanceof EngineError) || !/overlap/i.test(error.message)) throw error
    }
  }
  throw new EngineError('The address pool for team networks is used up.', 500, undefined)
}
