import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { removeContainer } from '../docker/containers.ts'
import { EngineError } from '../docker/errors.ts'
import type { EngineHealth } from '../engine-health.ts'
import type { TeamNetworks } from '../network/team-networks.ts'
import type { Reconciler } from '../target/reconciler.ts'
import { forgetFiles } from '../target/saved-files.ts'
import { findOrphans, type Found, type Memory, type Orphan } from './find-orphans.ts'
import { type Survey, survey } from './survey.ts'

/*
 * Removes what the control plane has forgotten. Rather nothing than something that is still wanted:
 * - only what carries our exact labels and is on a network of this agent's;
 * - only what was made as this host: a machine that has joined anew, or a control plane that is another, knows nothing
 *   of what there was before;
 * - only by a target that the control plane gave to this run of the agent;
 * - only by a complete list of an engine that is well;
 * - only after a time that no setting of the clock shortens;
 * - a container only as its one task, so that a target that wants it again waits until it is gone for good.
 */

interface SweepDeps {
  readonly engine: Engine
  readonly networks: TeamNetworks
  readonly reconciler: Pick<
    Reconciler,
    'targetVersion' | 'isWanted' | 'isTeamWanted' | 'isBusy' | 'runUnwanted'
  >
  readonly health: Pick<EngineHealth, 'state'>
  readonly clock: Clock
  readonly log: FastifyBaseLogger
}

export interface SweepOptions {
  readonly hostUuid: string
  readonly bridgePrefix: string
  readonly graceMs: number
  /** Otherwise they are only told of. */
  readonly removes: boolean
}

export interface Finding {
  readonly orphans: readonly Orphan[]
  /** Why nothing can be said or done now. */
  readonly blocked: string | null
}

export interface OrphanSweep {
  /** What there is now; changes nothing. */
  look(): Promise<Finding>
  /** The target that orphans were found by counts no more. */
  forget(): void
  /** Sweeps until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

const intervalMaxMs = 60_000

export function createOrphanSweep(deps: SweepDeps, options: SweepOptions): OrphanSweep {
  const { engine, networks, reconciler, health, clock, log } = deps
  const { graceMs, bridgePrefix, hostUuid } = options
  const startedMs = clock.monotonic()
  let memory: Memory = new Map()
  let told = new Set<string>()

  const isWanted = ({ kind, owner }: Found): boolean =>
    kind === 'network'
      ? reconciler.isTeamWanted(owner)
      : reconciler.isWanted(owner) || reconciler.isBusy(owner)

  const find = async ({ remembers }: { remembers: boolean }): Promise<Finding & Pick<Survey, 'images'>> => {
    const nothing = { orphans: [], images: new Map<string, never>() }
    if (!health.state().available) return { ...nothing, blocked: 'The Docker Engine does not answer.' }
    try {
      const { found, images } = await survey({ engine, networks, bridgePrefix, hostUuid })
      // By the target as it is after the list was made: what has come into it meanwhile is wanted.
      if (reconciler.targetVersion() < 0) {
        return { ...nothing, blocked: 'The control plane has not said yet what it wants of this host.' }
      }
      const nowMs = clock.monotonic()
      const result = findOrphans({ found, isWanted, memory, nowMs, startedMs, graceMs })
      if (remembers) memory = result.memory
      return { orphans: result.orphans, images, blocked: null }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      return { ...nothing, blocked: `The engine gave no complete list: ${error.message}` }
    }
  }

  const sweep = async (): Promise<void> => {
    const { orphans, images, blocked } = await find({ remembers: true })
    if (blocked !== null) log.debug({ blocked }, 'orphans are not looked for')
    const due = orphans.filter(({ dueInMs }) => dueInMs <= 0)
    tell(due)
    if (!options.removes) return
    const removable = due.filter(({ isRemovable }) => isRemovable)
    const parts = Map.groupBy(
      removable.filter(({ kind }) => kind !== 'network'),
      ({ owner }) => owner,
    )
    for (const [uuid, ofOne] of parts) {
      await attempt(reconciler.runUnwanted(uuid, () => remove(ofOne, images)))
    }
    for (const network of removable.filter(({ kind }) => kind === 'network')) {
      await attempt(networks.remove(network.ref, () => isWanted(network)))
    }
  }

  /** One that can not be removed keeps no other from being. */
  const attempt = async (removal: Promise<unknown>): Promise<void> => {
    try {
      await removal
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      log.warn({ err: error }, 'an orphan could not be removed')
    }
  }

  const tell = (due: readonly Orphan[]): void => {
    const fate = options.removes ? 'is removed' : 'would be removed'
    for (const { kind, name, ref, isRemovable } of due) {
      if (told.has(ref)) continue
      const text = isRemovable ? fate : 'stays, as it is not known to be of this host'
      log.warn({ [kind]: name }, `an orphan ${text}: the control plane does not know it`)
    }
    told = new Set(due.map(({ ref }) => ref))
  }

  /** Containers first: their volumes are told by the images alone. */
  const remove = async (parts: readonly Orphan[], images: Survey['images']): Promise<void> => {
    for (const { kind, ref } of parts) {
      if (kind === 'container') await removeContainer(engine, ref, { volumes: true })
    }
    const saved = parts.flatMap(({ ref }) => images.get(ref) ?? [])
    await forgetFiles(deps, { do: 'forget', images: saved, volumes: true }, { giveUp: () => {} })
  }

  return {
    look: async () => {
      const { orphans, blocked } = await find({ remembers: false })
      return { orphans, blocked }
    },
    forget: () => {
      memory = new Map()
    },
    run: async (signal) => {
      for (;;) {
        await clock.wait(Math.min(graceMs / 2, intervalMaxMs), signal)
        await sweep()
      }
    },
  }
}
