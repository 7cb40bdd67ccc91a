import type { Report } from '@gpulab/contract'
import type { ControlPlane } from '../control-plane.ts'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'
import { type Agent, type AgentBugs, type Door, startAgent } from './agent.ts'
import type { Front } from './front.ts'
import {
  calm,
  createHostEngine,
  type Fate,
  type HostEngine,
  type HostPlan,
  type Meddling,
  identify,
  images,
  pulledImage,
  toGpus,
} from './host.ts'
import { createLink, fair, type Link } from './link.ts'
import type { ProgramKind } from './programs.ts'
import type { Record } from './record.ts'
import { short } from './short.ts'

/** A machine: its engine, its agent while that lives, and its line to the control plane. */
export interface SimHost {
  readonly uuid: string
  readonly engine: HostEngine
  readonly link: Link
  startAgent(): void
  /** For so long. */
  killAgent(ms: number): void
  /** Politely. */
  stopAgent(ms: number): void
  crashEngine(fate: Fate, ms: number): void
  /** Somebody with a shell on the host does this to one of its containers. */
  meddle(how: Meddling, pick: number): void
  /** By so much. */
  setClock(ms: number): void
  makePeace(): void
  end(): void
  trace(line: string): void
}

export interface SimHostDeps {
  readonly uuid: string
  readonly index: number
  readonly plan: HostPlan
  readonly timeline: Timeline
  readonly control: ControlPlane
  readonly front: Front
  readonly record: Record
  readonly programs: ReadonlyMap<string, ProgramKind>
  readonly isConcurrent: boolean
  readonly peaceAt: number
  readonly deployTimeoutMs: number
  readonly agentBugs: AgentBugs
  newUuid(): string
  random(purpose: string): Random
  trace(line: string): void
}

/** Of whoever watches over the agent. */
const restartMs = 5000
/** Then it is killed. */
const stopMs = 90_000
const trapped = { restartMs: [10, 2000, 30_000], crashMs: 3000 } as const

export function createSimHost(deps: SimHostDeps): SimHost {
  const { uuid, index, plan, timeline, front, record } = deps
  const { gpus, memoryBytes, pace } = plan
  const random = deps.random(`host ${index}`)
  const trace = (line: string): void => deps.trace(`host-${index} ${line}`)
  const link = createLink({
    timeline,
    random: deps.random(`link ${index}`),
    isUp: front.isUp,
    isConcurrent: deps.isConcurrent,
    trace,
  })
  let agent: Agent | undefined
  let boots = 0
  let crashes = 0
  let isDown = false
  let isPeace = false
  let skewMs = 0
  const now = (): number => timeline.now() + skewMs

  const engine = createHostEngine({
    hostUuid: uuid,
    now,
    timeline,
    random: deps.random(`engine ${index}`),
    pace,
    peaceAt: deps.peaceAt,
    programs: deps.programs,
    record: (event) => {
      record.engine.push(event)
      trace(`engine: ${event.action} ${short(event.uuid)} g${event.generation} [${event.gpus.join()}]`)
    },
    onTrap: ({ what }) => {
      if (what === 'kill agent') killAgent(random.pick(trapped.restartMs))
      if (what === 'crash engine')
        crashEngine(random.pick(['containers live', 'containers die']), trapped.crashMs)
    },
    trace,
  })
  const inventory = {
    cpus: 64,
    memoryBytes,
    gpus: toGpus(index, gpus),
    images: () => [...images, pulledImage],
  }
  const { door, stamp } = createDoor(deps, trace)

  const start = (): void => {
    if (agent) return
    const bootId = deps.newUuid()
    trace(`agent ${short(bootId)} starts`)
    agent = startAgent({
      hostUuid: uuid,
      bootId,
      session: ++boots,
      timeline,
      random: deps.random(`agent ${index} ${boots}`),
      link,
      door,
      inventory,
      deployTimeoutMs: deps.deployTimeoutMs,
      now,
      onPoint: (name) => void engine.spring({ name, target: '' }, random.chance(0.5) ? 'before' : 'after'),
      connect: engine.connect,
      ...deps.agentBugs,
      tamper: (report) => stamp(deps.agentBugs.tamper?.(report) ?? report),
      onEnd: (reason) => {
        trace(`agent ends: ${reason === 'replaced' ? reason : reason.stack}`)
        if (reason !== 'replaced') {
          const message = `An agent has ended: ${reason.stack}`
          record.violations.push({ rule: 'error', at: timeline.now(), message })
        }
        restart(restartMs)
      },
      trace,
    })
  }
  const restart = (ms: number): void => {
    agent = undefined
    timeline.after(isPeace ? Math.min(ms, restartMs) : ms, start)
  }
  function killAgent(ms: number): void {
    if (!agent) return
    trace('agent killed')
    agent.kill()
    restart(ms)
  }
  function stopAgent(ms: number): void {
    const old = agent
    if (!old) return
    trace('agent is told to stop')
    const end = (): void => {
      old.kill()
      if (agent === old) restart(ms)
    }
    timeline.after(stopMs, end)
    void old.stop().then(end)
  }
  function crashEngine(fate: Fate, ms: number): void {
    trace(`engine crashes, ${fate}`)
    engine.crash(fate)
    isDown = true
    const crash = ++crashes
    timeline.after(isPeace ? 0 : ms, () => {
      if (crash === crashes) recoverEngine()
    })
  }
  function recoverEngine(): void {
    if (!isDown) return
    isDown = false
    trace('engine recovers')
    engine.recover()
  }

  return {
    uuid,
    engine,
    link,
    startAgent: start,
    killAgent,
    stopAgent,
    crashEngine,
    meddle: (how, pick) => {
      const { memory } = engine
      if (how === 'plant') return engine.plant(deps.newUuid(), pick > 0)
      const all = [...memory.world.containers.values()].filter((each) => identify(each).uuid !== '')
      const container = all[pick % Math.max(all.length, 1)]
      if (!container || isDown) return
      trace(`somebody lets ${container.name} ${how}`)
      if (how === 'exit') return memory.exit(container.id, 9)
      record.meddled.add(identify(container).uuid)
      void memory.engine.getContainer(container.id).remove({ force: true, v: true })
    },
    setClock: (ms) => {
      skewMs += ms
      record.skewed.add(uuid)
    },
    makePeace: () => {
      isPeace = true
      link.weather = fair
      link.cut = 'none'
      link.dieAfter = undefined
      engine.mood = calm
      engine.traps = []
      recoverEngine()
      start()
    },
    end: () => agent?.kill(),
    trace,
  }
}

/** The control plane's side of the line, and the clock on the agent's: `stamp` notes in which order reports are made. */
function createDoor({ uuid, timeline, control, front, record }: SimHostDeps, trace: (line: string) => void) {
  const madeAt = new Map<string, number>()
  const keyOf = ({ boot_id, seq }: Pick<Report, 'boot_id' | 'seq'>): string => `${boot_id} ${seq}`
  const door: Door = {
    hello: (hello, session) => {
      trace(`hello ${short(hello.boot_id)}`)
      return front.carryOut(() => control.hello(uuid, hello, session))
    },
    report: async (report) => {
      await front.carryOut(() => control.report(uuid, report))
      const { boot_id: bootId, seq } = report
      const state = await front.findHost(uuid)
      if (state.bootId !== bootId || state.reportSeq !== seq) return
      const order = madeAt.get(keyOf(report)) ?? 0
      record.reports.push({ at: timeline.now(), hostUuid: uuid, bootId, seq, madeAt: order })
      trace(`report ${short(bootId)}#${seq} v${report.target_version}: ${describeFacts(report)}`)
    },
    heartbeat: (heartbeat) => front.carryOut(() => control.heartbeat(uuid, heartbeat)),
    target: (after) => front.readTarget(uuid, after),
  }
  const stamp = (report: Report): Report => {
    madeAt.set(keyOf(report), madeAt.size + 1)
    return report
  }
  return { door, stamp }
}

const describeFacts = ({ containers }: Report): string =>
  containers
    .map(({ uuid, generation, state, busy, failure }) => {
      const reason = failure ? `!${failure.code}` : ''
      return `${short(uuid)}g${generation}=${state}${busy ? '…' : ''}${reason}`
    })
    .join(' ')
