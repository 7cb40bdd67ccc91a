import type { TargetContainer } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import { chooseCommand } from '../containers/default-command.ts'
import type { GpuInjection } from '../containers/environment.ts'
import {
  isLimitTrouble,
  isPermanent,
  StepFailure,
  toCreateFailure,
  toStartFailure,
} from '../containers/failure.ts'
import type { Ghosts } from '../containers/ghosts.ts'
import type { ImagePuller } from '../containers/image-puller.ts'
import { containerName, toObserved } from '../containers/labels.ts'
import { type SpecOptions, toContainerSpec } from '../containers/spec.ts'
import type { Ulimits } from '../containers/ulimits.ts'
import type { Timing } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import {
  createContainer,
  findContainer,
  removeContainer,
  startContainer,
  stopContainer,
} from '../docker/containers.ts'
import { EngineError, hasStatus, isLeftover, isMissingSource } from '../docker/errors.ts'
import type { GpuClaims } from '../gpus/claims.ts'
import type { GuestFolders } from '../guest/folders.ts'
import type { TeamNetworks } from '../network/team-networks.ts'
import type { Volumes } from '../volumes/volumes.ts'
import type { Step } from './plan.ts'
import { forgetFiles, getSaved, saveFiles, toLoss } from './saved-files.ts'

export interface StepDeps extends Timing {
  readonly log: FastifyBaseLogger
  readonly engine: Engine
  /** Of this host: what is made here says so. */
  readonly hostUuid: string
  readonly images: ImagePuller
  readonly networks: TeamNetworks
  readonly claims: GpuClaims
  readonly ghosts: Ghosts
  readonly ulimits: Ulimits
  readonly injection: GpuInjection
  readonly guestFolders: GuestFolders
  readonly volumes: Pick<Volumes, 'require'>
  /** Starting is the engine's dearest work: too many at once slow every one of them. */
  readonly startInTurn: <T>(run: () => Promise<T>) => Promise<T>
}

export interface StepContext {
  /** A line for the deployment log. */
  tell(line: string): void
  /** An image that the engine does not let go, by name: it is left. */
  giveUp(reference: string): void
  /** The wish has changed or the agent stops: nothing that can wait should go on. */
  readonly signal: AbortSignal
}

type Executors = {
  readonly [K in Step['do']]: (
    deps: StepDeps,
    step: Extract<Step, { do: K }>,
    context: StepContext,
  ) => Promise<void>
}

/**
 * Throws StepFailure for what trying again can not mend, and then has left nothing half made; anything else that
 * it throws is worth another look at the engine and another try.
 */
export function runStep(deps: StepDeps, step: Step, context: StepContext): Promise<void> {
  // The table's key and the step's kind are the same string.
  const execute = executors[step.do] as (deps: StepDeps, step: Step, context: StepContext) => Promise<void>
  return execute(deps, step, context)
}

const executors: Executors = {
  remove: async ({ engine, guestFolders }, { name, volumes }) => {
    await removeContainer(engine, name, { volumes })
    await guestFolders.remove(name)
  },
  stop: async ({ engine }, { name }, { tell }) => {
    await stopContainer(engine, name)
    tell('Stopped')
  },
  commit: (deps, step, context) => saveFiles(deps, step, context),
  forget: (deps, step, context) => forgetFiles(deps, step, context),
  lose: () => Promise.reject(toLoss()),
  create: async (deps, { container, from }, { tell, signal }) => {
    const [{ image, saved }, network, volumes] = await Promise.all([
      from === null
        ? deps.images.ensure(container, tell, signal).then((image) => ({ image, saved: undefined }))
        : getSaved(deps.engine, container, from),
      deps.networks.ensure(container.team_uuid),
      deps.volumes.require(container.volumes),
    ])
    signal.throwIfAborted()
    const { injection, hostUuid } = deps
    const ulimits = deps.ulimits.current()
    const options = { image, saved, network, hostUuid, injection, ulimits, volumes }
    const { note } = chooseCommand(container.command, image)
    if (note !== undefined) tell(note)
    try {
      await create(deps, container, options)
    } catch (error) {
      if (!hasStatus(error, 409)) throw isPermanent(error) ? toCreateFailure(error) : error
      await requireOurs(deps.engine, container)
    }
    tell('Created')
  },
  start: (deps, { container }, context) => start(deps, container, context),
  rerun: async (deps, { container, record }, context) => {
    context.tell(`It has ended: starting it again (${record.count} in a row)`)
    await start(deps, container, context)
  },
  restart: async (deps, { container }, context) => {
    await stopContainer(deps.engine, containerName(container))
    await start(deps, container, context)
  },
}

/** Without the guest's folders where the engine does not see them: that is no reason to run nothing. */
async function create(deps: StepDeps, container: TargetContainer, options: SpecOptions): Promise<void> {
  const { engine, guestFolders } = deps
  const guest = await guestFolders.prepare(container)
  try {
    await createContainer(engine, toContainerSpec(container, { ...options, guest }))
  } catch (error) {
    if (!guest || !isMissingSource(error, [guest.toolbox, guest.run])) throw error
    guestFolders.giveUp((error as Error).message)
    await createContainer(engine, toContainerSpec(container, options))
  }
}

async function start(
  deps: StepDeps,
  container: TargetContainer,
  { tell, signal }: StepContext,
): Promise<void> {
  const name = containerName(container)
  const run = (): Promise<void> =>
    deps.startInTurn(() => {
      // Its turn may come long after the wish has changed, and its leases with it.
      signal.throwIfAborted()
      return startContainer(deps.engine, name)
    })
  try {
    // They may have gone with a reboot, and what is mounted has to be there.
    await deps.guestFolders.prepare(container)
    await deps.volumes.require(container.volumes)
    await deps.claims.hold(container.uuid, await readLeased(deps.engine, container), run)
  } catch (error) {
    if (isLeftover(error)) deps.ghosts.suspect()
    if (hasStatus(error, 404)) await deps.networks.ensure(container.team_uuid)
    const failure = error instanceof StepFailure || isPermanent(error)
    if (!failure) throw error
    // What has run before holds the user's files: it stays as it was.
    const neverRan = (await findContainer(deps.engine, name))?.state === 'created'
    if (neverRan) await removeForCertain(deps, container, signal)
    if (neverRan && isLimitTrouble(error) && deps.ulimits.fallBack()) {
      tell('The host can not raise resource limits: trying again with its own')
      throw error
    }
    throw error instanceof StepFailure ? error : toStartFailure(error)
  }
  tell('Started')
}

/** The GPUs that the engine would hand to the container, which must be those that it holds leases of. */
async function readLeased(engine: Engine, wanted: TargetContainer): Promise<readonly string[]> {
  const present = await findContainer(engine, containerName(wanted))
  const { gpuUuids = [] } = (present && toObserved(present)) ?? {}
  if (present && new Set(gpuUuids).symmetricDifference(new Set(wanted.gpu_uuids)).size > 0) {
    throw new StepFailure(
      'gpu_not_leased',
      'The container was made with other GPUs than those that it holds now.',
    )
  }
  return gpuUuids
}

/** The name is taken: by ourselves, if an earlier answer of the engine was lost. */
async function requireOurs(engine: Engine, wanted: TargetContainer): Promise<void> {
  const name = containerName(wanted)
  const present = await findContainer(engine, name)
  const ours = present && toObserved(present)
  if (present && (ours?.uuid !== wanted.uuid || ours.generation !== wanted.generation)) {
    throw new StepFailure(
      'container_create_failed',
      `The host has a container named ${name} that is not GPULab's.`,
    )
  }
}

async function removeForCertain(
  deps: StepDeps,
  container: TargetContainer,
  signal: AbortSignal,
): Promise<void> {
  const backoff = createBackoff(deps)
  // Its volumes may be those of an older generation, and are all that is left of them.
  const volumes = container.base_generation === null
  for (;;) {
    try {
      return await removeContainer(deps.engine, containerName(container), { volumes })
    } catch (error) {
      if (!(error instanceof EngineError)) throw error
      await backoff.wait(signal)
    }
  }
}
