import { GpulabError, type Target, targetWaitSeconds } from '@gpulab/contract'
import type { ControlPlane, HostState } from '../control-plane.ts'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'
import { Held } from './link.ts'
import type { Record } from './record.ts'

/** Where requests come in: replicas of the control plane, which may all be away. */
export interface Front {
  isUp(): boolean
  goAway(ms: number): void
  comeBack(): void
  /** Lets the control plane do something, and wakes whoever waits for what follows. */
  carryOut<T>(work: () => Promise<T>): Promise<T>
  findHost(uuid: string): Promise<HostState>
  /** As soon as it is newer than `after`, or when the wait is over. */
  readTarget(hostUuid: string, after: number): Promise<Target | Held<Target>>
}

interface FrontDeps {
  readonly timeline: Timeline
  readonly control: ControlPlane
  readonly random: Random
  readonly record: Pick<Record, 'made'>
  trace(line: string): void
}

interface Poll {
  readonly hostUuid: string
  readonly after: number
  answer(): Promise<void>
}

/** Of notifications. */
const lostShare = 0.02

export function createFront({ timeline, control, random, record, trace }: FrontDeps): Front {
  const polls = new Set<Poll>()
  let isUp = true

  const wakePolls = async (): Promise<void> => {
    if (polls.size === 0) return
    const versions = new Map((await control.hosts()).map((host) => [host.uuid, host.targetVersion]))
    for (const poll of polls) {
      if ((versions.get(poll.hostUuid) ?? 0) <= poll.after) continue
      polls.delete(poll)
      // One whose notification is lost ends in its own time.
      if (!random.chance(lostShare)) timeline.after(random.int(0, 20), () => poll.answer())
    }
  }
  const takeTarget = async (hostUuid: string): Promise<Target> => {
    const target = await control.target(hostUuid)
    for (const { uuid, generation, base_generation: baseGeneration } of target.containers) {
      const key = `${hostUuid} ${uuid} ${generation}`
      const made = { at: timeline.now(), hostUuid, uuid, generation, baseGeneration }
      if (!record.made.has(key)) record.made.set(key, made)
    }
    return target
  }
  const findHost = async (uuid: string): Promise<HostState> => {
    const found = (await control.hosts()).find((host) => host.uuid === uuid)
    if (!found) throw new Error(`There is no host ${uuid}.`)
    return found
  }
  const comeBack = (): void => {
    if (isUp) return
    isUp = true
    trace('the control plane is back')
  }
  return {
    isUp: () => isUp,
    goAway: (ms) => {
      if (!isUp) return
      isUp = false
      trace('the control plane is away')
      timeline.after(ms, comeBack)
    },
    comeBack,
    carryOut: async (work) => {
      try {
        return await work()
      } finally {
        await wakePolls()
      }
    },
    findHost,
    readTarget: async (hostUuid, after) => {
      const { targetVersion } = await findHost(hostUuid)
      if (targetVersion > after) return takeTarget(hostUuid)
      const { promise, resolve, reject } = Promise.withResolvers<Target>()
      const poll: Poll = {
        hostUuid,
        after,
        answer: async () => {
          cancel()
          polls.delete(poll)
          if (!isUp) return reject(new GpulabError('api_unreachable'))
          await takeTarget(hostUuid).then(resolve, reject)
        },
      }
      const cancel = timeline.after(targetWaitSeconds * 1000, () => poll.answer())
      polls.add(poll)
      return new Held(promise)
    },
  }
}
