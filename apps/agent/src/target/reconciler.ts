import type { ContainerFacts, Target, TargetContainer } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { type Backoff, createBackoff } from '../backoff.ts'
import type { ExitFailures } from '../containers/exit-failures.ts'
import { StepFailure } from '../containers/failure.ts'
import { type ObservedContainer, toObserved } from '../containers/labels.ts'
import { listContainers } from '../docker/containers.ts'
import { isEngineDown } from '../docker/errors.ts'
import { toFacts } from './facts.ts'
import { createFailures } from './failures.ts'
import { plan, type Step } from './plan.ts'
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
 * 4. So for one that is not busy no step of v or older is under way or still to come; any later one comes of a newer
 *    target.
 * A task that waits for the engine to come back, or for another try, is still a task.
 */

export interface ReconcilerDeps extends StepDeps {
  readonly log: FastifyBaseLogger
  readonly exits: ExitFailures
  /** How long one attempt may be tried while the engine answers. */
  readonly deployTimeoutMs: number
  /** A line for the deployment log of a container. */
  tell(uuid: string, line: string): void
  /** Something is other than the last look said. */
  onChange(): void
}

export interface Look {
  readonly targetVersion: number
  readonly containers: ContainerFacts[]
}

export interface Reconciler {
  setTarget(target: Target): void
  targetVersion(): number
  /** Whatever comes next is the first target: the control plane knows nothing of earlier ones. */
  forgetTarget(): void
  isTeamWanted(team: string): boolean
  isBusy(uuid: string): boolean
  /** Looks at the engine and begins whatever is to do. One at a time; rejects when the engine does not answer. */
  look(): Promise<Look>
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
  readonly wish: TargetContainer
}

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  let target: Target | undefined
  let wanted = new Map<string, TargetContainer>()
  const tasks = new Map<string, Task>()
  const failures = createFailures()
  const unknown = new Set<string>()
  // The generation of each container that this agent has seen running or ended.
  const ran = new Map<string, number>()
  const stopping = new AbortController()
  // Counts beginnings and ends of tasks, to tell which of them fell into a look.
  let moment = 0
  const marks = new Map<string, Mark>()

  const planFor = (uuid: string, observed: readonly ObservedContainer[]): Step[] => {
    const wish = wanted.get(uuid)
    // What has failed may still be stopped or removed.
    if (!wish || (wish.desired === 'running' && failures.find(wish))) return []
    for (const { generation, startedAt } of observed) if (startedAt !== null) ran.set(uuid, generation)
    const steps = plan(wish, observed)
    // Someone else has removed it, and its files with it: the control plane is to hear that, not to get an empty one.
    const isLost = ran.get(uuid) === wish.generation
    return isLost && steps.some((step) => step.do === 'create') ? [] : steps
  }

  const begin = (wish: TargetContainer, steps: Step[]): void => {
    const { uuid } = wish
    marks.set(uuid, { at: ++moment, wish })
    const { promise, resolve } = Promise.withResolvers<void>()
    const deadline = Date.now() + deps.deployTimeoutMs
    const task: Task = { controller: new AbortController(), deadline, done: promise }
    tasks.set(uuid, task)
    void work(uuid, task, steps)
      .catch((error: unknown) => deps.log.error({ err: error, container: uuid }, 'a task failed'))
      .finally(() => {
        tasks.delete(uuid)
        marks.set(uuid, { at: ++moment, wish })
        resolve()
        deps.onChange()
      })
  }

  const renew = (task: Task): void => {
    task.deadline = Date.now() + deps.deployTimeoutMs
  }

  const work = async (uuid: string, task: Task, first: Step[]): Promise<void> => {
    const backoff = createBackoff()
    let steps = first
    while (steps.length > 0 && !stopping.signal.aborted) {
      if (await runAll(uuid, task, steps)) return
      const observed = await observeAgain(uuid, task, backoff)
      steps = observed ? planFor(uuid, observed) : []
    }
  }

  /** After a pause, which a new wish ends: it is not to wait for the old one's trouble. Undefined at the stop. */
  const observeAgain = async (
    uuid: string,
    task: Task,
    backoff: Backoff,
  ): Promise<ObservedContainer[] | undefined> => {
    while (!stopping.signal.aborted) {
      await backoff.wait(AbortSignal.any([task.controller.signal, stopping.signal])).catch(() => {})
      if (task.controller.signal.aborted) {
        task.controller = new AbortController()
        renew(task)
      }
      try {
        return await observeOne(uuid)
      } catch (error) {
        deps.log.debug({ err: error, container: uuid }, 'a container could not be looked at')
        renew(task)
      }
    }
    return undefined
  }

  /** True when there is nothing more to try. */
  const runAll = async (uuid: string, task: Task, steps: readonly Step[]): Promise<boolean> => {
    const signal = AbortSignal.any([task.controller.signal, stopping.signal])
    const late = AbortSignal.timeout(Math.max(task.deadline - Date.now(), 0))
    const context = {
      signal: AbortSignal.any([signal, late]),
      tell: (line: string) => deps.tell(uuid, line),
    }
    for (const step of steps) {
      if (signal.aborted) return false
      try {
        deps.log.info({ container: uuid, step: step.do }, 'step')
        await runStep(deps, step, context)
      } catch (error) {
        const failure = late.aborted && !signal.aborted ? toTimeout(error) : error
        if (failure instanceof StepFailure && 'container' in step) {
          deps.log.warn({ err: failure, container: uuid, code: failure.code }, 'an attempt has failed')
          deps.tell(uuid, `Failed: ${failure.message}`)
          failures.add(step.container, failure)
          return true
        }
        // Its absence is nobody's attempt.
        if (isEngineDown(error)) renew(task)
        if (!signal.aborted)
          deps.log.warn({ err: error, container: uuid, step: step.do }, 'step to be retried')
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

  const observeOne = async (uuid: string): Promise<ObservedContainer[]> =>
    (await listContainers(deps.engine, uuid)).map(toObserved).filter((container) => container !== undefined)

  const noteUnknown = (uuid: string): void => {
    if (unknown.has(uuid) || !target) return
    unknown.add(uuid)
    deps.log.warn({ container: uuid }, 'a container is not in the target: it is left alone')
  }

  return {
    setTarget: (next) => {
      if (target && next.version < target.version) {
        deps.log.warn({ version: next.version, held: target.version }, 'an older target is ignored')
        return
      }
      const before = wanted
      target = next
      wanted = new Map(next.containers.map((container) => [container.uuid, container]))
      failures.keep(next.containers)
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
    isTeamWanted: (team) => !target || target.containers.some(({ team_uuid }) => team_uuid === team),
    isBusy: (uuid) => tasks.has(uuid),
    look: async () => {
      const targetVersion = target?.version ?? -1
      const start = moment
      const listed = await listContainers(deps.engine)
      const observed = listed.map(toObserved).filter((container) => container !== undefined)
      const exitFailures = await deps.exits.explain(observed)
      // What is still to do would not be begun, and so not be seen as busy.
      stopping.signal.throwIfAborted()
      const byUuid = Map.groupBy(observed, ({ uuid }) => uuid)
      const wasBusy = (uuid: string): boolean => tasks.has(uuid) || (marks.get(uuid)?.at ?? 0) > start
      // Their tasks ended while the engine was asked: only another look can tell.
      if ([...marks.keys()].some((uuid) => wasBusy(uuid) && !tasks.has(uuid))) deps.onChange()
      for (const [uuid, wish] of wanted) {
        const steps = wasBusy(uuid) ? [] : planFor(uuid, byUuid.get(uuid) ?? [])
        if (steps.length > 0) begin(wish, steps)
      }
      for (const uuid of byUuid.keys()) if (!wanted.has(uuid)) noteUnknown(uuid)
      const dropped = [...marks.values()].map(({ wish }) => wish).filter(({ uuid }) => !wanted.has(uuid))
      const busy = new Set([...marks.keys()].filter(wasBusy))
      for (const uuid of marks.keys()) if (!busy.has(uuid)) marks.delete(uuid)
      const containers = toFacts({
        observed,
        wanted: [...wanted.values(), ...dropped],
        isBusy: (uuid) => busy.has(uuid),
        failures,
        exitFailures,
      })
      // Forgotten meanwhile, it may be the number of another target by now.
      const isKnown = target !== undefined && target.version >= targetVersion
      return { targetVersion: isKnown ? targetVersion : -1, containers }
    },
    stop: async () => {
      stopping.abort()
      await Promise.all([...tasks.values()].map(({ done }) => done))
    },
  }
}

const isSameWish = (a: TargetContainer | undefined, b: TargetContainer | undefined): boolean =>
  a?.desired === b?.desired &&
  a?.generation === b?.generation &&
  a?.start_after === b?.start_after &&
  a?.attempt === b?.attempt &&
  a?.gpu_uuids.join() === b?.gpu_uuids.join()
