import type { ContainerFacts, TargetContainer } from '@gpulab/contract'
import { createFailPoints } from '@gpulab/fail-points'
import { pino } from 'pino'
import { createLimiter } from '../src/bounded.ts'
import { createExitFailures } from '../src/containers/exit-failures.ts'
import { type Ghosts, noGhosts } from '../src/containers/ghosts.ts'
import { noGuards } from '../src/containers/image-access.ts'
import { createImagePuller } from '../src/containers/image-puller.ts'
import { EngineError } from '../src/docker/errors.ts'
import { followEvents } from '../src/docker/events.ts'
import { createEngineHealth } from '../src/engine-health.ts'
import { createGpuClaims } from '../src/gpus/claims.ts'
import { noGuestFolders } from '../src/guest/folders.ts'
import { noFirewall } from '../src/network/firewall.ts'
import { createTeamNetworks } from '../src/network/team-networks.ts'
import { createOrphanSweep, type OrphanSweep, type SweepOptions } from '../src/orphans/sweep.ts'
import { createSignalBox } from '../src/signal-box.ts'
import { noVolumes } from '../src/volumes/volumes.ts'
import { keepLooking, look } from '../src/target/keep-looking.ts'
import { createReconciler, type Reconciler } from '../src/target/reconciler.ts'
import type { Snapshot } from '../src/target/report.ts'
import type { CallHooks, MemoryEngine } from './memory-engine.ts'
import type { VirtualClock } from './virtual-clock.ts'

export interface MemoryAgent {
  readonly reconciler: Reconciler
  /** What it would have reported, the newest last. */
  readonly snapshots: readonly Snapshot[]
  readonly lines: readonly string[]
  readonly orphans: OrphanSweep
  /** A whole target, under the next version. */
  want(...containers: TargetContainer[]): void
  /** The newest facts of a container, once nothing is under way and the newest target is known. */
  settled(uuid: string, limitMs?: number): Promise<ContainerFacts | undefined>
  /** As `settled`, once its run has ended. */
  ended(uuid: string): Promise<ContainerFacts | undefined>
  /** The newest facts of a container. */
  facts(uuid: string): ContainerFacts | undefined
  /** Nothing that it does has an effect any more. */
  kill(): void
}

const bridgePrefix = 'gl'
const listenAgainMs = 1000

interface Options extends CallHooks {
  readonly memory: MemoryEngine
  readonly clock: VirtualClock
  readonly deployTimeoutMs?: number
  readonly hostUuid?: string
  readonly ghosts?: Ghosts
  /** Nothing is swept without it. */
  readonly sweep?: Omit<SweepOptions, 'bridgePrefix' | 'hostUuid'>
}

/** The agent's own reconciler and its loop, on an engine in memory and a clock that the test moves. */
export function startMemoryAgent({
  memory,
  clock,
  deployTimeoutMs = 900_000,
  hostUuid = 'host',
  ghosts = noGhosts,
  sweep,
  before,
  after,
}: Options): MemoryAgent {
  let isDead = false
  const hangWhenDead = async (): Promise<void> => {
    if (isDead) await new Promise<never>(() => {})
  }
  const engine = memory.connect({
    before: async (call) => {
      await hangWhenDead()
      await before?.(call)
      await hangWhenDead()
    },
    after: async (call) => {
      await hangWhenDead()
      await after?.(call)
      await hangWhenDead()
    },
  })
  const timing = { clock, random: () => 0.5 }
  const log = pino({ enabled: false })
  const changed = createSignalBox(clock)
  const health = createEngineHealth()
  const networks = createTeamNetworks(
    { engine, firewall: noFirewall },
    { prefix: bridgePrefix, addressPool: undefined },
  )
  const lines: string[] = []
  const snapshots: Snapshot[] = []
  const stopping = new AbortController()
  const reconciler = createReconciler({
    ...timing,
    engine,
    hostUuid,
    images: createImagePuller({ engine, clock, access: noGuards, onPulled: () => {} }),
    exits: createExitFailures({ engine, clock }),
    networks,
    claims: createGpuClaims({ engine, clock }),
    ulimits: { current: () => [], fallBack: () => false },
    injection: 'nvidia',
    guestFolders: noGuestFolders,
    ghosts,
    volumes: noVolumes,
    deployTimeoutMs,
    startInTurn: createLimiter(4),
    failPoint: createFailPoints({}),
    log,
    tell: (_, line) => void lines.push(line),
    onChange: changed.raise,
  })
  const reporter = {
    offer: (snapshot: Snapshot) => void snapshots.push(snapshot),
    forget: () => {},
    run: () => Promise.resolve(),
  }
  const deps = { engine, health, reconciler, reporter, ghosts, changed, clock, log }
  const listen = async (): Promise<void> => {
    for (;;) {
      const events = followEvents(engine, stopping.signal)
      try {
        for await (const uuid of events) if (!reconciler.isBusy(uuid)) changed.raise()
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
      }
      changed.raise()
      await clock.wait(listenAgainMs, stopping.signal)
    }
  }
  listen().catch(() => {})
  const options = { hostUuid, bridgePrefix, graceMs: 600_000, removes: true, ...sweep }
  const orphans = createOrphanSweep({ engine, networks, reconciler, health, clock, log }, options)
  if (sweep) orphans.run(stopping.signal).catch(() => {})
  void look(deps, [], stopping.signal)
    .then((first) => keepLooking(deps, first, stopping.signal))
    .catch(() => {})

  const factsOf = (uuid: string): ContainerFacts | undefined =>
    snapshots.at(-1)?.containers.findLast((container) => container.uuid === uuid)
  const settled = (uuid: string, limitMs?: number, state?: string): Promise<ContainerFacts | undefined> =>
    clock.until(() => {
      if (snapshots.at(-1)?.target_version !== reconciler.targetVersion()) throw new Error('Not yet seen.')
      const facts = factsOf(uuid)
      if (facts?.busy || (state !== undefined && facts?.state !== state)) {
        throw new Error(`Still to come: ${JSON.stringify(facts)}`)
      }
      return facts
    }, limitMs)
  return {
    reconciler,
    snapshots,
    lines,
    orphans,
    want: (...containers) => reconciler.setTarget({ version: reconciler.targetVersion() + 1, containers }),
    facts: factsOf,
    settled: (uuid, limitMs) => settled(uuid, limitMs),
    ended: (uuid) => settled(uuid, undefined, 'exited'),
    kill: () => {
      isDead = true
      stopping.abort()
    },
  }
}
