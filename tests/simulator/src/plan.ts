import type { CreateContainer } from '@gpulab/contract'
import type { ContainerVerb, HostVerb } from './control-plane.ts'
import { planClimate, planFaults } from './plan-faults.ts'
import { planRequests } from './plan-requests.ts'
import { createRandom, type Random } from './random.ts'
import type { Fate, HostPlan, Meddling, Mood, Trap } from './world/host.ts'
import type { Weather } from './world/link.ts'
import type { ProgramKind } from './world/programs.ts'

/** What is done to the world, `at` so many milliseconds after its beginning. */
export type Operation = { readonly at: number } & (
  | {
      readonly do: 'deploy'
      readonly mark: string
      readonly input: CreateContainer
      readonly program: ProgramKind
    }
  /** Of the container that was deployed with this mark. */
  | { readonly do: 'ask'; readonly verb: ContainerVerb; readonly mark: string }
  | { readonly do: 'operate'; readonly verb: HostVerb; readonly host: number }
  | { readonly do: 'weather'; readonly host: number; readonly weather: Weather }
  | { readonly do: 'cut'; readonly host: number; readonly cut: 'none' | 'both' | 'there' | 'back' }
  | { readonly do: 'users cut'; readonly isCut: boolean }
  | { readonly do: 'stop agent'; readonly host: number; readonly restartMs: number }
  | { readonly do: 'kill agent'; readonly host: number; readonly restartMs: number }
  | {
      readonly do: 'crash engine'
      readonly host: number
      readonly fate: Fate
      readonly ms: number
    }
  | { readonly do: 'mood'; readonly host: number; readonly mood: Mood }
  | { readonly do: 'trap'; readonly host: number; readonly trap: Trap }
  | { readonly do: 'die after'; readonly host: number; readonly exchange: string }
  | { readonly do: 'echo'; readonly host: number; readonly ms: number }
  | { readonly do: 'api away'; readonly ms: number }
  /** The machine's clock is set by so much. */
  | { readonly do: 'clock'; readonly host: number; readonly ms: number }
  /** Somebody with a shell on the host; `pick` counts its containers. */
  | { readonly do: 'meddle'; readonly host: number; readonly how: Meddling; readonly pick: number }
)

export interface Plan {
  readonly seed: number
  readonly hosts: readonly HostPlan[]
  readonly operations: readonly Operation[]
  /** After this nothing is done any more, and nothing goes wrong. */
  readonly activeMs: number
  /** Between sweeps. */
  readonly sweepMs: number
  /** Whether requests may come between the statements of others. */
  readonly isConcurrent: boolean
}

export interface PlanSize {
  readonly activeMs: number
  readonly requests: number
  readonly faults: number
  readonly sweepMs?: number
  readonly isConcurrent?: boolean
}

const usualSize: PlanSize = { activeMs: 240_000, requests: 50, faults: 14 }
const wildSize: PlanSize = { activeMs: 500_000, requests: 150, faults: 50 }
const wildShare = 0.08
export const gpuTypes = ['NVIDIA H100', 'NVIDIA A100', 'NVIDIA GeForce RTX 4090'] as const
const gib = 2 ** 30

const toSize = (seed: number): PlanSize =>
  createRandom(seed, 'size').chance(wildShare) ? wildSize : usualSize

export function createPlan(seed: number, size: PlanSize = toSize(seed)): Plan {
  const random = createRandom(seed, 'plan')
  const hosts = Array.from({ length: random.int(2, 4) }, (_, index) => planHost(random, index))
  const { activeMs, sweepMs = 2000 } = size
  const isConcurrent = size.isConcurrent ?? random.chance(0.5)
  const operations = [
    ...planClimate(random, size, hosts.length),
    ...planRequests(random, size, hosts.length),
    ...planFaults(random, size, hosts.length),
  ]
  return {
    seed,
    hosts,
    operations: operations.toSorted((a, b) => a.at - b.at),
    activeMs,
    sweepMs,
    isConcurrent,
  }
}

function planHost(random: Random, index: number): HostPlan {
  const kinds = random.int(1, 3)
  const gpus = Array.from(
    { length: random.int(1, kinds === 1 ? 2 : 5) },
    () => gpuTypes[random.int(0, kinds - 1)] ?? '',
  )
  return {
    name: `host-${index}`,
    gpus,
    memoryBytes: random.pick([24, 64, 256]) * gib,
    pace: random.pick([1, 1, 4, 15]),
  }
}
