import type Docker from 'dockerode'
import type { Engine } from './connect.ts'
import { callEngine, hasStatus } from './errors.ts'

export interface EngineNetwork {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly subnets: readonly string[]
  /** Of the host; empty for networks that are no bridges. */
  readonly bridge: string
  readonly createdAt: string
}

export interface NetworkSpec {
  readonly name: string
  readonly bridge: string
  readonly labels: Readonly<Record<string, string>>
  /** The engine chooses from its own pools when undefined. */
  readonly subnet?: string | undefined
}

const callMs = 30_000
const bridgeOption = 'com.docker.network.bridge.name'

/** Every network of the engine: the others' subnets are taken too. */
export async function listNetworks(engine: Engine): Promise<EngineNetwork[]> {
  const options = { abortSignal: AbortSignal.timeout(callMs) } as Docker.NetworkListOptions
  return (await callEngine(() => engine.listNetworks(options))).map(toNetwork)
}

export async function createNetwork(engine: Engine, spec: NetworkSpec): Promise<void> {
  await callEngine(() =>
    engine.createNetwork({
      Name: spec.name,
      Driver: 'bridge',
      CheckDuplicate: true,
      Labels: { ...spec.labels },
      Options: { [bridgeOption]: spec.bridge, 'com.docker.network.bridge.enable_icc': 'true' },
      ...(spec.subnet !== undefined && { IPAM: { Driver: 'default', Config: [{ Subnet: spec.subnet }] } }),
      abortSignal: AbortSignal.timeout(callMs),
    }),
  )
}

/** False when something is still connected to it. */
export async function removeNetwork(engine: Engine, id: string): Promise<boolean> {
  try {
    await callEngine(() => engine.getNetwork(id).remove({ abortSignal: AbortSignal.timeout(callMs) }))
    return true
  } catch (error) {
    if (hasStatus(error, 404)) return true
    if (hasStatus(error, 403, 409)) return false
    throw error
  }
}

const toNetwork = (info: Docker.NetworkInspectInfo): EngineNetwork => ({
  id: info.Id,
  name: info.Name,
  labels: info.Labels ?? {},
  subnets: (info.IPAM?.Config ?? []).flatMap(({ Subnet }) => (Subnet === undefined ? [] : [Subnet])),
  bridge: info.Options?.[bridgeOption] ?? '',
  createdAt: info.Created,
})
