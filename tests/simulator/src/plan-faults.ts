import type { Operation, PlanSize } from './plan.ts'
import type { Random } from './random.ts'
import type { Trap } from './world/host.ts'
import { fair } from './world/link.ts'

type Temper = 'quiet' | 'network' | 'crashes' | 'engines' | 'all'
type FaultKind =
  | 'weather'
  | 'cut'
  | 'users cut'
  | 'kill agent'
  | 'stop agent'
  | 'crash engine'
  | 'mood'
  | 'trap'
  | 'die after'
  | 'api away'
  | 'exit'
  | 'remove'
  | 'dead host'
  | 'clock'
  | 'plant'
  | 'echo'

const weights: Readonly<Record<Temper, Readonly<Partial<Record<FaultKind, number>>>>> = {
  quiet: { exit: 1 },
  network: { weather: 4, cut: 3, 'users cut': 1, 'die after': 2, 'api away': 1, 'dead host': 1, echo: 3 },
  crashes: {
    'stop agent': 1,
    clock: 1,
    'kill agent': 4,
    trap: 6,
    'crash engine': 2,
    'api away': 1,
    'die after': 1,
    exit: 1,
  },
  engines: { plant: 0.3, mood: 4, 'crash engine': 3, trap: 4, exit: 2, remove: 1 },
  all: {
    weather: 3,
    cut: 3,
    'users cut': 1,
    'kill agent': 3,
    'stop agent': 1,
    'crash engine': 2,
    mood: 2,
    trap: 5,
    'die after': 2,
    'api away': 1,
    exit: 2,
    remove: 0.5,
    'dead host': 2,
    echo: 2,
    clock: 1,
    plant: 0.3,
  },
}

/** Late messages and slow calls are over within this time, and none begin so shortly before the peace. */
const lateMs = 50_000

/** On some lines everything is slow all the time. */
export function planClimate(random: Random, { activeMs }: PlanSize, hosts: number): Operation[] {
  if (random.chance(0.6)) return []
  const weather = {
    lost: random.pick([0, 0.02]),
    doubled: random.pick([0, 0.1]),
    late: random.pick([0.1, 0.3, 0.6]),
    lateMs: random.pick([600, 2000, 10_000]),
  }
  return Array.from({ length: hosts }, (_, host) => host).flatMap((host): Operation[] => [
    { at: 1, do: 'weather', host, weather },
    { at: activeMs - lateMs, do: 'weather', host, weather: fair },
  ])
}

/** What goes wrong has a bent: all of it, or the network, the engines, nothing. */
export function planFaults(random: Random, { activeMs, faults }: PlanSize, hosts: number): Operation[] {
  const temper = random.pick(['quiet', 'network', 'crashes', 'engines', 'all', 'all', 'all'] as const)
  const latest = activeMs - lateMs
  return Array.from({ length: faults }).flatMap((): Operation[] => {
    const at = random.int(1000, activeMs - 1000)
    const host = random.int(0, hosts - 1)
    const until = (maxMs: number): number => Math.min(at + random.int(500, maxMs), activeMs)
    switch (random.weighted(weights[temper] as Record<FaultKind, number>)) {
      case 'weather': {
        const weather = {
          lost: random.pick([0, 0.05, 0.3]),
          doubled: random.pick([0, 0.1, 0.5]),
          late: random.pick([0, 0.1, 0.4]),
          lateMs: random.pick([1000, 8000, lateMs]),
        }
        if (at > latest) return []
        const end = Math.min(until(90_000), latest)
        return [
          { at, do: 'weather', host, weather },
          { at: end, do: 'weather', host, weather: fair },
        ]
      }
      case 'cut': {
        const cut = random.pick(['both', 'both', 'there', 'back'] as const)
        return [
          { at, do: 'cut', host, cut },
          { at: until(120_000), do: 'cut', host, cut: 'none' },
        ]
      }
      case 'dead host': {
        const fencedAt = at + random.int(46_000, 80_000)
        const back = fencedAt + random.int(1000, 90_000)
        return [
          { at, do: 'cut', host, cut: 'both' },
          { at: fencedAt, do: 'operate', verb: 'fence', host },
          { at: back, do: 'cut', host, cut: 'none' },
          { at: back + random.int(100, 60_000), do: 'operate', verb: 'uncordon', host },
        ]
      }
      case 'echo': {
        // Those of a run that has died are the worst.
        const ms = random.pick([10, 3000, 20_000])
        if (at + ms > latest) return []
        const killAt = at - random.int(1, 3000)
        return [
          ...(random.chance(0.7) ? [{ at: killAt, do: 'kill agent', host, restartMs: 10 } as const] : []),
          { at, do: 'echo', host, ms },
        ]
      }
      case 'users cut':
        return [
          { at, do: 'users cut', isCut: true },
          { at: until(20_000), do: 'users cut', isCut: false },
        ]
      case 'kill agent':
        return [{ at, do: 'kill agent', host, restartMs: random.pick([10, 1000, 5000, 60_000]) }]
      case 'stop agent':
        return [{ at, do: 'stop agent', host, restartMs: random.pick([10, 3000]) }]
      case 'crash engine': {
        const fate = random.pick(['containers live', 'containers die'] as const)
        return [{ at, do: 'crash engine', host, fate, ms: random.pick([500, 5000, 40_000]) }]
      }
      case 'mood': {
        const mood = {
          failing: random.pick([0, 0.1, 0.4]),
          losing: random.pick([0, 0.1, 0.4]),
          slow: random.pick([0, 0.2]),
          slowMs: random.pick([5000, 30_000, 150_000]),
        }
        const good = { failing: 0, losing: 0, slow: 0, slowMs: 0 }
        return [
          { at, do: 'mood', host, mood },
          { at: until(60_000), do: 'mood', host, mood: good },
        ]
      }
      case 'trap':
        return [{ at, do: 'trap', host, trap: planTrap(random) }]
      case 'die after':
        return [
          { at, do: 'die after', host, exchange: random.pick(['report', 'heartbeat', 'hello', 'target']) },
        ]
      case 'api away':
        return [{ at, do: 'api away', ms: random.pick([1000, 10_000, 60_000]) }]
      case 'clock':
        return [{ at, do: 'clock', host, ms: random.pick([-20_000, -3000, 3000, 20_000, 3_600_000]) }]
      case 'plant':
        return [{ at, do: 'meddle', host, how: 'plant', pick: random.int(0, 1) }]
      case 'exit':
        return [{ at, do: 'meddle', host, how: 'exit', pick: random.int(0, 9) }]
      case 'remove':
        return [{ at, do: 'meddle', host, how: 'remove', pick: random.int(0, 9) }]
    }
  })
}

const planTrap = (random: Random): Trap => ({
  call: random.weighted({
    'agent.target.received': 1,
    'agent.report.before': 1,
    'agent.report.after': 1,
    'container.create': 3,
    'container.start': 4,
    'container.stop': 3,
    'container.remove': 3,
    'container.commit': 2,
    'image.remove': 1,
    'network.create': 1,
    'image.pull': 1,
  }),
  when: random.pick(['before', 'after'] as const),
  what: random.weighted({ 'kill agent': 5, 'lose answer': 3, 'crash engine': 2 }),
})
