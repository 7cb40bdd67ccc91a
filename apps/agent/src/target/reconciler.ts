import type { ContainerFacts, Target, TargetContainer } from '@gpulab/contract'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import { type Backoff, createBackoff } from '../backoff.ts'
import type { ExitFailures } from '../containers/exit-failures.ts'
import { StepFailure } from '../containers/failure.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { isEngineDown } from '../docker/errors.ts'
import { toFacts } from './facts.ts'
import { createFailures } from './failures.ts'
import { observe, type Sight } from './observe.ts'
import { plan, type Step } from './plan.ts'
import { createRestarts } from './restarts.ts'
import { toLoss } from './saved-files.ts'
import { runStep, type StepDeps } from './steps.ts'

/*
 * The control plane frees GPUs on the strength of what `look` says, so this must hold: facts with target version v
 * that call a container absent or exited, and not busy, are true for good unless a target newer than v changes them.
 *
 * 1. Every step of a container runs inside its one task, and a task is in `tasks` from before its first step until
 *    after its last.
 * 2. A task plans from the newest target at the moment, never from a remembered one.
 * 3. `look` notes v before it asks the engine. Whoever had a task at any moment between that and the facts is busy,
 *    and so is whoever has steps to do: its task is begun before the facts are made.
 *    So is one that the engine lists and gives no answer about, or that may run although it says that it does not.
 * 4. So for one that is not busy no step of v or older is under way or still to come; any later one comes of a newer
 *    target.
 * A task that waits for the engine to come back, for another try, or to start a run again that has ended, is still a
 * task.
 */

export interface ReconcilerDeps extends StepDeps {
  readonly failPoint: FailPoint
  readonly exits: ExitFailures
  /** How long one attempt may be tried while the engine answers. */
  readonly deployTimeoutMs: number
  readonly log: FastifyBaseLogger
  /** Hears how long a step took, for metrics. */
  onStep?(step: Step['do'], outcome: 'ok' | 'failed', seconds: number): void
  /** A line for the deployment log of a container. */
  tell(uuid: string, line: string): void
  /** Something is other than the last look said. */
  onChange(): void
}

export interface Look {
  readonly targetVersion: number
  readonly containers: ContainerFacts[]
}

/** What of a target it carries out. */
export type Wishes = Pick<Target, 'version' | 'containers'>

export interface Reconciler {
  setTarget(target: Wishes): void
  targetVersion(): number
  /** Whatever comes next is the first target: the control plane knows nothing of earlier ones. */
  forgetTarget(): void
  isWanted(uuid: string): boolean
  isTeamWanted(team: string): boolean
  isBusy(uuid: string): boolean
  /** Looks at the engine and begins whatever is to do. One at a time; rejects when the engine does not answer. */
  look(): Promise<Look>
  /** Containers of ours at the last look, by the engine's word for their state. */
  countByState(): ReadonlyMap<string, number>
  /** Containers that something is being done to. */
  countTasks(): number
  /** Does `work` as that container's one task, unless the target has it or a task is under way: then false. */
  runUnwanted(uuid: string, work: () => Promise<void>): Promise<boolean>
  /** Lets steps that are under way finish and begins no others. */
  stop(): Promise<void>
}

interface Task {
  controller: AbortController
  /** Of the attempt; the time without an engine does not count. */
  deadline: number
  readonly done: Promise<void>
}

/** Beginning or end of a container's task. */
interface Mark {
  readonly at: number
  /** None for a container that the target does not have. */
  readonly wish: TargetContainer | undefined
}

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  const { clock, log } = deps
  let target: Wishes | undefined
  let wanted = new Map<string, TargetContainer>()
  const tasks = new Map<string, Task>()
  const failures = createFailures()
  const restarts = createRestarts()
  // Images that the engine would not let go: left to whoever holds them.
  const stuck = new Set<string>()
  const unknown = new Set<string>()
  // The newest generation of each container that this agent has seen running or ended: the control plane may not have
  // heard of it yet.
  const ran = new Map<string, number>()
  const stopping = new AbortController()
  let lastSeen = new Map<string, ObservedContainer>()
  // Counts beginnings and ends of tasks, to tell which of them fell into a look.
  let moment = 0
  const marks = new Map<string, Mark>()

  const planFor = (uuid: string, sight: Sight): Step[] => {
    const wish = wanted.get(uuid)
    // What has failed may still be stopped or removed.
    if (!wish || (wish.desired === 'running' && failures.find(wish))) return []
    const containers = sight.containers.filter((container) => container.uuid === uuid)
    const images = sight.images.filter((image) => image.uuid === uuid && !stuck.has(image.reference))
    for (const { generation, startedAt } of containers) {
      if (startedAt !== null) ran.set(uuid, Math.max(generation, ran.get(uuid) ?? 0))
    }
    // A command that does not exist will not exist the next time.
    const isUnstartable = containers.some(
      ({ id, generation }) => generation === wish.generation && sight.exitFailures.has(id),
    )
    const steps = plan(wish, { containers, images, restarts: isUnstartable ? null : restarts.find(wish) })
    // Someone else has removed it, and its files with it: the control plane is to hear that, not to get an empty one.
    const isLost = wish.has_run || ran.get(uuid) === wish.generation
    if (!isLost || !steps.some((step) => step.do === 'create')) return steps
    fail(wish, toLoss())
    return []
  }

  const fail = (wish: TargetContainer, failure: StepFailure): void => {
    log.warn({ err: failure, container: wish.uuid, code: failure.code }, 'an attempt has failed')
    deps.tell(wish.uuid, `Failed: ${failure.message}`)
    failures.add(wish, failure)
  }

  const occupy = (
    uuid: string,
    wish: TargetContainer | undefined,
    work: (task: Task) => Promise<void>,
  ): void => {
    marks.set(uuid, { at: ++moment, wish })
    const { promise, resolve } = Promise.withResolvers<void>()
    const task: Task = { controller: new AbortController(), deadline: 0, done: promise }
    renew(task)
    tasks.set(uuid, task)
    void work(task)
      .catch((error: unknown) => log.error({ err: error, container: uuid }, 'a task failed'))
      .finally(() => {
        tasks.delete(uuid)
        marks.set(uuid, { at: ++moment, wish })
        resolve()
        deps.onChange()
      })
  }

  const renew = (task: Task): void => {
    task.deadline = clock.monotonic() + deps.deployTimeoutMs
  }

  const work = async (uuid: string, task: Task, first: Step[]): Promise<void> => {
    const backoff = createBackoff(deps)
    let steps = first
    while (steps.length > 0 && !stopping.signal.aborted) {
      if ((await restBefore(task, steps)) && (await runAll(uuid, task, steps))) return
      const sight = await observeAgain(uuid, task, backoff)
      steps = sight ? planFor(uuid, sight) : []
    }
  }

  /** A run that follows one which ended by itself does so after a while. False when the wish has changed by then. */
  const restBefore = async (task: Task, steps: readonly Step[]): Promise<boolean> => {
    const rerun = steps.find((step) => step.do === 'rerun')
    if (!rerun) return true
    const signal = AbortSignal.any([task.controller.signal, stopping.signal])
    await clock.wait(rerun.afterMs, signal).catch(() => {})
    renew(task)
    return !signal.aborted
  }

  /** After a pause, which a new wish ends: it is not to wait for the old one's trouble. Undefined at the stop. */
  const observeAgain = async (uuid: string, task: Task, backoff: Backoff): Promise<Sight | undefined> => {
    while (!stopping.signal.aborted) {
      await backoff.wait(AbortSignal.any([task.controller.signal, stopping.signal])).catch(() => {})
      if (task.controller.signal.aborted) {
        task.controller = new AbortController()
        renew(task)
      }
      try {
        const sight = await observe(deps, { uuid, images: mayHaveImages(wanted.get(uuid)) })
        const haunted = await deps.ghosts.lay(sight.containers)
        if (haunted.size === 0 && !sight.containers.some(({ isStuck }) => isStuck)) return sight
      } catch (error) {
        log.debug({ err: error, container: uuid }, 'a container could not be looked at')
        renew(task)
      }
    }
    return undefined
  }

  /** True when there is nothing more to try. */
  const runAll = async (uuid: string, task: Task, steps: readonly Step[]): Promise<boolean> => {
    const signal = AbortSignal.any([task.controller.signal, stopping.signal])
    const late = clock.timeout(Math.max(task.deadline - clock.monotonic(), 0))
    const context = {
      signal: AbortSignal.any([signal, late]),
      tell: (line: string) => deps.tell(uuid, line),
      giveUp: (reference: string) => void stuck.add(reference),
    }
    for (const step of steps) {
      if (signal.aborted) return false
      const since = performance.now()
      const end = (outcome: 'ok' | 'failed'): void =>
        deps.onStep?.(step.do, outcome, (performance.now() - since) / 1000)
      try {
        log.info({ container: uuid, step: step.do }, 'step')
        if (step.do === 'rerun') restarts.set(step.container, step.record)
        await deps.failPoint(`agent.${step.do}.before`, uuid)
        await runStep(deps, step, context)
        end('ok')
        await deps.failPoint(`agent.${step.do}.after`, uuid)
      } catch (error) {
        end('failed')
        const failure = late.aborted && !signal.aborted ? toTimeout(error) : error
        if (failure instanceof StepFailure && 'container' in step) {
          fail(step.container, failure)
          return true
        }
        // Its absence is nobody's attempt.
        if (isEngineDown(error)) renew(task)
        if (!signal.aborted) log.warn({ err: error, container: uuid, step: step.do }, 'step to be retried')
        return false
      }
    }
    return true
  }

  const toTimeout = (error: unknown): unknown =>
    error instanceof StepFailure || isEngineDown(error)
      ? error
      : new StepFailure(
          'deploy_timeout',
          `The container could not be made to run within ${Math.ceil(deps.deployTimeoutMs / 1000)} seconds.`,
          error,
        )

  const noteUnknown = (uuid: string): void => {
    if (unknown.has(uuid) || !target) return
    unknown.add(uuid)
    log.warn({ container: uuid }, 'a container is not in the target: it is left alone for now')
  }

  return {
    setTarget: (next) => {
      if (target && next.version < target.version) {
        log.warn({ version: next.version, held: target.version }, 'an older target is ignored')
        return
      }
      const before = wanted
      target = next
      wanted = new Map(next.containers.map((container) => [container.uuid, container]))
      failures.keep(next.containers)
      restarts.keep(next.containers)
      for (const uuid of ran.keys()) if (!wanted.has(uuid)) ran.delete(uuid)
      for (const [uuid, task] of tasks) {
        if (!isSameWish(before.get(uuid), wanted.get(uuid))) task.controller.abort()
      }
      deps.onChange()
    },
    targetVersion: () => target?.version ?? -1,
    forgetTarget: () => {
      target = undefined
      wanted = new Map()
      for (const task of tasks.values()) task.controller.abort()
      deps.onChange()
    },
    isWanted: (uuid) => !target || wanted.has(uuid),
    isTeamWanted: (team) => !target || target.containers.some(({ team_uuid }) => team_uuid === team),
    isBusy: (uuid) => tasks.has(uuid),
    countByState: () => {
      const counts = new Map<string, number>()
      for (const { state } of lastSeen.values()) counts.set(state, (counts.get(state) ?? 0) + 1)
      return counts
    },
    countTasks: () => tasks.size,
    look: async () => {
      const targetVersion = target?.version ?? -1
      const start = moment
      const sight = await observe(deps, { images: [...wanted.values()].some(mayHaveImages) })
      // Whoever has a task may be starting; it looks after its own.
      const haunted = await deps.ghosts.lay(sight.containers.filter(({ uuid }) => !tasks.has(uuid)))
      if (haunted.size > 0) deps.onChange()
      deps.exits.keep(sight.containers)
      // What is still to do would not be begun, and so not be seen as busy.
      stopping.signal.throwIfAborted()
      const wasBusy = (uuid: string): boolean => tasks.has(uuid) || (marks.get(uuid)?.at ?? 0) > start
      // Nothing is begun by what is only half known, and nothing is proven by it.
      const stuckUuids = sight.containers.flatMap(({ uuid, isStuck }) => (isStuck ? [uuid] : []))
      const half = new Set([...haunted, ...stuckUuids])
      // Their tasks ended while the engine was asked: only another look can tell.
      if ([...marks.keys()].some((uuid) => wasBusy(uuid) && !tasks.has(uuid))) deps.onChange()
      for (const [uuid, wish] of wanted) {
        const steps = wasBusy(uuid) || half.has(uuid) ? [] : planFor(uuid, sight)
        if (steps.length > 0) occupy(uuid, wish, (task) => work(uuid, task, steps))
      }
      for (const { uuid } of sight.containers) if (!wanted.has(uuid)) noteUnknown(uuid)
      const dropped = [...marks.values()].flatMap(({ wish }) =>
        wish && !wanted.has(wish.uuid) ? [wish] : [],
      )
      const busy = new Set([...marks.keys()].filter(wasBusy))
      for (const uuid of marks.keys()) if (!busy.has(uuid)) marks.delete(uuid)
      const observed = sight.containers.map((container) =>
        container.isStuck ? { ...container, ...lastSeen.get(container.id) } : container,
      )
      lastSeen = new Map(observed.map((container) => [container.id, container]))
      const containers = toFacts({
        observed,
        wanted: [...wanted.values(), ...dropped],
        isBusy: (uuid) => busy.has(uuid) || half.has(uuid),
        failures,
        restarts,
        exitFailures: sight.exitFailures,
      })
      // Forgotten meanwhile, it may be the number of another target by now.
      const isKnown = target !== undefined && target.version >= targetVersion
      return { targetVersion: isKnown ? targetVersion : -1, containers }
    },
    runUnwanted: async (uuid, run) => {
      if (!target || wanted.has(uuid) || tasks.has(uuid) || stopping.signal.aborted) return false
      const { promise, resolve, reject } = Promise.withResolvers<boolean>()
      occupy(uuid, undefined, () => run().then(() => resolve(true), reject))
      return promise
    },
    stop: async () => {
      stopping.abort()
      await Promise.all([...tasks.values()].map(({ done }) => done))
    },
  }
}

/** Only what was made anew once has been committed. What shall go may have been to be made anew before. */
const mayHaveImages = (wish: TargetContainer | undefined): boolean =>
  wish !== undefined && (wish.generation > 1 || wish.desired === 'absent')

const isSameWish = (a: TargetContainer | undefined, b: TargetContainer | undefined): boolean =>
  a?.desired === b?.desired &&
  a?.generation === b?.generation &&
  a?.base_generation === b?.base_generation &&
  a?.start_after === b?.start_after &&
  a?.attempt === b?.attempt &&
  a?.restart.policy === b?.restart.policy &&
  a?.restart.max_retries === b?.restart.max_retries &&
  a?.gpu_uuids.join() === b?.gpu_uuids.join()
