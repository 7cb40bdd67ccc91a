import { eventually } from '@gpulab/testing'
import { deploy, happeningRules, remove, type Rest, statusAt, type Subject } from './operations.ts'
import type { FaultSystem } from './system.ts'

/** Containers at rest: those of earlier rounds, since one that has come through a fault is as good as a new one. */
export interface SubjectPool {
  /** One for each state that is asked for, made where there is none. */
  take(rests: readonly Rest[]): Promise<Subject[]>
  give(rest: Rest, subject: Subject): void
  /** Stops one that runs, and lets another have its card. */
  displace(subject: Subject): Promise<Subject>
  untilAt(subject: Subject, rest: Rest): Promise<void>
}

type Parts = Pick<FaultSystem, 'client' | 'image' | 'gpuType' | 'dockerHost' | 'rareGpuTypes'>

const readyMs = 60_000
/** Of each kind. */
const idleMax = 5

export function createSubjectPool(parts: Parts, prefix = 'subject'): SubjectPool {
  const idle = new Map<Rest, Subject[]>()
  // Each of these cards is held by somebody once it has been used, who is in the pool as `placed`.
  const untried = [...parts.rareGpuTypes]
  let count = 0
  const { client } = parts

  const read = ({ uuid }: Subject) => client.containers.get({ params: { uuid } })
  const untilAt = (subject: Subject, rest: Rest): Promise<void> =>
    eventually(
      async () => {
        const { name, status, status_reason: reason } = await read(subject)
        if (status !== statusAt[rest])
          throw new Error(`${name} is ${status}, not ${statusAt[rest]}: ${reason?.message}`)
      },
      { timeoutMs: readyMs, intervalMs: 50 },
    )
  const untilGone = ({ name, uuid }: Subject): Promise<void> =>
    eventually(
      async () => {
        const { items } = await client.containers.list({ query: { name } })
        if (items.some((item) => item.uuid === uuid)) throw new Error(`${name} is still there.`)
      },
      { timeoutMs: readyMs, intervalMs: 50 },
    )
  const newName = (): string => `${prefix}-${++count}`
  const run = async (wanted: Parameters<typeof deploy>[2] = {}): Promise<Subject> => {
    const name = newName()
    const subject = { name, uuid: await deploy(parts, name, wanted) }
    await untilAt(subject, 'running')
    return subject
  }
  const stop = async (subject: Subject): Promise<Subject> => {
    await happeningRules.stop.ask(parts, subject)
    await untilAt(subject, 'stopped')
    return subject
  }
  /** New containers get the free card with the least number, so sooner or later somebody gets this one. */
  const displace = async (subject: Subject): Promise<Subject> => {
    const card = (await read(subject)).gpus[0]?.uuid
    await stop(subject)
    for (;;) {
      const rival = await run()
      give('running', rival)
      if ((await read(rival)).gpus.some(({ uuid }) => uuid === card)) return subject
    }
  }
  /** Runs on a card of which there is no other. */
  const place = async (): Promise<Subject> => {
    const gpuType = untried.shift()
    if (gpuType === undefined) throw new Error('There is no rare card left.')
    return run({ gpuType })
  }
  const queue = async (): Promise<Subject> => {
    const rival = idle.get('placed')?.shift() ?? (await place())
    const { gpu_type: gpuType } = await read(rival)
    const name = newName()
    const uuid = await deploy(parts, name, gpuType === null ? {} : { gpuType })
    await untilAt({ name, uuid }, 'queued')
    return { name, uuid, rival }
  }
  const make: Readonly<Record<Rest, () => Promise<Subject>>> = {
    none: async () => ({ name: newName(), uuid: '' }),
    running: run,
    stopped: async () => stop(await run()),
    displaced: async () => displace(await run()),
    moved: async () => {
      const subject = await displace(await run())
      await happeningRules['start-elsewhere'].ask(parts, subject)
      await untilAt(subject, 'moved')
      return subject
    },
    restartable: () => run({ isRestartable: true }),
    queued: queue,
    placed: place,
  }
  const give = (rest: Rest, subject: Subject): void => {
    if (rest !== 'none')
      idle.getOrInsertComputed(rest, () => []).push({ name: subject.name, uuid: subject.uuid })
  }
  /** Some happenings leave more than they take, and cards are few. */
  const trim = async (): Promise<void> => {
    const common = [...idle].filter(([rest]) => rest !== 'placed')
    const extra = common.flatMap(([, subjects]) => subjects.splice(idleMax))
    await Promise.all(extra.map((subject) => remove(parts, subject)))
    await Promise.all(extra.map((subject) => untilGone(subject)))
  }
  return {
    untilAt,
    give,
    displace,
    take: async (rests) => {
      await trim()
      const taken = rests.map((rest) => idle.get(rest)?.shift())
      const isOrdered = (rest: Rest): boolean => rest === 'displaced' || rest === 'moved'
      const subjects = await Promise.all(
        rests.map(async (rest, n) => taken[n] ?? (isOrdered(rest) ? undefined : make[rest]())),
      )
      // One after the other: which card is the next free one is part of what is made.
      const all: Subject[] = []
      for (const [n, rest] of rests.entries()) all.push(subjects[n] ?? (await make[rest]()))
      return all
    },
  }
}
