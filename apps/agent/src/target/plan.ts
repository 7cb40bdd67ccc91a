import type { TargetContainer } from '@gpulab/contract'
import type { CommittedImage } from '../containers/committed-images.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { type RestartRecord, toRestart } from './restarts.ts'

/** One change of the engine's state. Each is safe to repeat. */
export type Step =
  | {
      readonly do: 'remove'
      readonly name: string
      readonly generation: number
      /** Its anonymous volumes go with it. */
      readonly volumes: boolean
    }
  | { readonly do: 'stop'; readonly name: string; readonly generation: number }
  /** Makes the image of this generation from the container of an older one. */
  | {
      readonly do: 'commit'
      readonly container: TargetContainer
      readonly name: string
      readonly generation: number
    }
  /** From the committed image of that generation, or from its own image. */
  | { readonly do: 'create'; readonly container: TargetContainer; readonly from: number | null }
  | { readonly do: 'start'; readonly container: TargetContainer }
  | { readonly do: 'restart'; readonly container: TargetContainer }
  /** Starts the run after one that ended by itself. */
  | {
      readonly do: 'rerun'
      readonly container: TargetContainer
      readonly record: RestartRecord
      readonly afterMs: number
    }
  /** Removes committed images, and the volumes that their containers had. */
  | { readonly do: 'forget'; readonly images: readonly Committed[]; readonly volumes: boolean }
  /** There is nothing left of what the container is to go on with. */
  | { readonly do: 'lose'; readonly container: TargetContainer }

type Observed = Pick<
  ObservedContainer,
  'name' | 'generation' | 'state' | 'startedAt' | 'finishedAt' | 'exitCode' | 'oomKilled'
>
type Committed = Pick<CommittedImage, 'reference' | 'generation' | 'volumes'>

/** What there is of one container. */
export interface Present {
  readonly containers: readonly Observed[]
  readonly images: readonly Committed[]
  /** Of the wish's attempt; null when no run of it is to be followed by itself. */
  readonly restarts: RestartRecord | null
}

/** What is still to do for one container, in order. Nothing when the engine is as the target wants it. */
export function plan(wanted: TargetContainer, present: Present): Step[] {
  const { containers, images } = present
  if (wanted.desired === 'absent') return [...containers.map(toRemove), ...toForget(images)]

  // This target is then an old one: the newer one is on its way.
  if (containers.some(({ generation }) => generation > wanted.generation)) return []
  const older = containers.filter(({ generation }) => generation < wanted.generation)
  const current = containers.find(({ generation }) => generation === wanted.generation)
  if (wanted.base_generation !== null) {
    const saved = images.filter(({ generation }) => generation <= wanted.generation)
    return planFromBase(wanted, { ...present, images: saved }, older, current)
  }
  const stale = images.filter(({ generation }) => generation < wanted.generation)
  return [...older.map(toRemove), ...toForget(stale), ...planCurrent(wanted, current, present)]
}

function planCurrent(wanted: TargetContainer, current: Observed | undefined, present: Present): Step[] {
  if (wanted.desired === 'stopped') return current?.state === 'running' ? [toStop(current)] : []
  if (!current) {
    return [
      { do: 'create', container: wanted, from: null },
      { do: 'start', container: wanted },
    ]
  }
  return planRun(wanted, current, present)
}

function planRun(wanted: TargetContainer, current: Observed, { restarts }: Present): Step[] {
  if (current.state === 'created') return [{ do: 'start', container: wanted }]
  if (current.startedAt === wanted.start_after) {
    return [{ do: current.state === 'running' ? 'restart' : 'start', container: wanted }]
  }
  // Any other run than the one to follow is the wish fulfilled, even if it has ended since.
  const next = restarts && toRestart(wanted.restart, current, restarts)
  return next ? [{ do: 'rerun', container: wanted, ...next }] : []
}

/** Nothing that holds the files goes before what is made from them is there. */
function planFromBase(
  wanted: TargetContainer,
  present: Present,
  older: readonly Observed[],
  current: Observed | undefined,
): Step[] {
  const { images } = present
  const removals = older.map((each): Step => ({ ...toRemove(each), volumes: false }))
  if (current) return [...removals, ...planCurrent(wanted, current, present), ...toForgetOlder(images)]
  if (wanted.desired === 'stopped') {
    return older.filter(({ state }) => state === 'running').map(toStop)
  }
  // The newest has the files, whether or not it is the one that the control plane knows of.
  const source = older.toSorted((a, b) => b.generation - a.generation)[0]
  const from = source ? wanted.generation : newestOf(images)
  if (from === undefined) return [{ do: 'lose', container: wanted }]
  return [
    ...(source?.state === 'running' ? [toStop(source)] : []),
    ...(source ? [toCommit(wanted, source)] : []),
    { do: 'create', container: wanted, from },
    ...removals,
    { do: 'start', container: wanted },
    ...toForgetOlder(images, from),
  ]
}

const newestOf = (images: readonly Committed[]): number | undefined =>
  images.map(({ generation }) => generation).toSorted((a, b) => b - a)[0]

/** The newest stays: should the container be lost before its first run, it is all that is left of the files. */
function toForgetOlder(images: readonly Committed[], newest = newestOf(images)): Step[] {
  const stale = images.filter(({ generation }) => newest !== undefined && generation < newest)
  return toForget(stale, false)
}

const toForget = (images: readonly Committed[], volumes = true): Step[] =>
  images.length > 0 ? [{ do: 'forget', images, volumes }] : []

const toRemove = ({ name, generation }: Observed) =>
  ({ do: 'remove', name, generation, volumes: true }) as const
const toStop = ({ name, generation }: Observed): Step => ({ do: 'stop', name, generation })
const toCommit = (container: TargetContainer, { name, generation }: Observed): Step => ({
  do: 'commit',
  container,
  name,
  generation,
})
