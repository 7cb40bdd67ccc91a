import type { ControlPlane, Snapshot } from '../control-plane.ts'
import type { EngineContainer, History, Leftover, Violation } from '../history.ts'
import type { Plan } from '../plan.ts'
import { createRandom } from '../random.ts'
import { createTimeline, epoch, ruleTimeouts, settle, type Timeline } from '../timeline.ts'
import { act } from './act.ts'
import type { AgentBugs } from './agent.ts'
import { createFront } from './front.ts'
import { createLink } from './link.ts'
import type { ProgramKind } from './programs.ts'
import { createRecord, toHistory } from './record.ts'
import { createSimHost } from './sim-host.ts'
import { createUsers } from './users.ts'

export interface WorldOptions {
  readonly plan: Plan
  createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane>
  readonly judges: Judges
  readonly agentBugs?: AgentBugs | undefined
  readonly trace?: ((line: string) => void) | undefined
}

export interface ControlPlaneOptions {
  readonly now: () => number
  readonly newUuid: () => string
  readonly hosts: readonly { readonly uuid: string; readonly name: string }[]
  /** Undefined where nobody comes between a request's statements. */
  readonly pause: (() => Promise<void>) | undefined
}

/** What is true, whatever the control plane believes. */
export interface WorldView {
  readonly now: number
  listContainers(): readonly EngineContainer[]
  listLeftovers(): readonly Leftover[]
}

type Judge = (snapshot: Snapshot, world: WorldView) => readonly Violation[]
export interface Judges {
  /** At each sweep. */
  readonly always?: Judge | undefined
  /** Once peace has lasted as long as everything may take. */
  readonly peace: Judge
  /** Once what nobody wants has to be gone too. */
  readonly end: Judge
}

export interface Outcome {
  readonly history: History
  readonly violations: readonly Violation[]
  readonly steps: number
}

export const deployTimeoutMs = 60_000
/** By then everything is as it should be. */
const peaceMs = 60_000
/** By then the grace of what nobody wants is over. */
const aftermathMs = 75_000
/** Requests among others are carried out so long after what they write down, at most. */
const concurrentSlackMs = 1000

/** Lets a world go through its plan, makes peace and lets it settle. */
export async function runWorld(options: WorldOptions): Promise<Outcome> {
  const timeline = createTimeline()
  using _ = ruleTimeouts(timeline)
  return simulate(options, timeline)
}

async function simulate(options: WorldOptions, timeline: Timeline): Promise<Outcome> {
  const { plan, judges, agentBugs = {} } = options
  const { isConcurrent } = plan
  const peaceAt = epoch + plan.activeMs
  const random = (purpose: string) => createRandom(plan.seed, purpose)
  const { uuid: newUuid } = random('ids')
  const trace = (line: string): void =>
    options.trace?.(`${((timeline.now() - epoch) / 1000).toFixed(3).padStart(8)} ${line}`)

  const record = createRecord()
  const programs = new Map<string, ProgramKind>()
  const names = plan.hosts.map(({ name }) => ({ uuid: newUuid(), name }))
  const pauses = random('pauses')
  const pause = (): Promise<void> =>
    pauses.chance(0.4) ? timeline.wait(pauses.int(1, 60)) : Promise.resolve()
  const control = await options.createControlPlane({
    now: timeline.now,
    newUuid,
    hosts: names,
    pause: isConcurrent ? pause : undefined,
  })
  const front = createFront({ timeline, control, random: random('signals'), record, trace })
  const link = createLink({ timeline, random: random('user link'), isUp: front.isUp, isConcurrent, trace })
  const users = createUsers({ timeline, control, front, link, random: random('users'), record, trace })
  const hosts = plan.hosts.map((host, index) =>
    createSimHost({
      uuid: names[index]?.uuid ?? '',
      index,
      plan: host,
      timeline,
      control,
      front,
      record,
      programs,
      isConcurrent,
      peaceAt,
      deployTimeoutMs,
      agentBugs,
      newUuid,
      random,
      trace,
    }),
  )

  const judgeNow = async (judge: Judge | undefined): Promise<void> => {
    if (!judge) return
    const view: WorldView = {
      now: timeline.now(),
      listContainers: () => hosts.flatMap(({ engine }) => engine.list()),
      listLeftovers: () => hosts.flatMap(({ engine }) => engine.listLeftovers()),
    }
    record.violations.push(...judge(await control.snapshot(), view))
  }
  const sweepNow = async (): Promise<void> => {
    await front.carryOut(() => control.sweep())
    await judgeNow(judges.always)
  }
  const sweeps = random('sweeps')
  const keepSweeping = (): Promise<void> | void => {
    timeline.after(plan.sweepMs - sweeps.int(0, 20), keepSweeping)
    const done = front.isUp() ? sweepNow() : undefined
    // Replicas may sweep at the same time.
    return isConcurrent ? undefined : done
  }
  const stage = { hosts, users, front, programs, known: new Map<string, string>() }
  for (const operation of plan.operations) timeline.after(operation.at, () => act(stage, operation))
  timeline.after(1, () => hosts.forEach((host) => host.startAgent()))
  timeline.after(plan.sweepMs, keepSweeping)
  timeline.after(plan.activeMs, () => {
    trace('peace')
    front.comeBack()
    users.makePeace()
    hosts.forEach((host) => host.makePeace())
  })

  await timeline.runUntil(peaceAt + peaceMs)
  await judgeNow(judges.peace)
  for (const [index, { uuid }] of hosts.entries()) {
    // A host that was declared dead and has shown that nothing of before runs on it is let in.
    const { state } = await front.findHost(uuid)
    if (state === 'fenced') users.ask({ do: 'uncordon', uuid }, `uncordon host-${index}`)
  }
  await timeline.runUntil(peaceAt + peaceMs + aftermathMs)
  await judgeNow(judges.end)
  for (const host of hosts) host.end()
  await settle()
  const history = toHistory(record, { ...(await control.snapshot()) }, isConcurrent ? concurrentSlackMs : 0)
  return { history, violations: record.violations, steps: timeline.steps() }
}
