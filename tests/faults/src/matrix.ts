import type { FailPointName } from '@gpulab/fail-points'
import { type Happening, happeningRules, happenings } from './operations.ts'
import { type Victim, victims } from './part.ts'
import { pick, shuffle } from './random.ts'

/** While something happens to a container, a process is killed. */
export interface FaultCase {
  readonly victim: Victim
  readonly happening: Happening
  readonly point: FailPointName
}

/** Cases that are held at the same time, and share one kill. */
export interface Round {
  readonly victim: Victim
  readonly cases: readonly FaultCase[]
}

export const nameOf = ({ victim, happening, point }: FaultCase): string => `${victim}/${happening}@${point}`

/** Every point that is passed meanwhile. */
export function pointsOf(happening: Happening): FailPointName[] {
  const { operation, steps } = happeningRules[happening]
  const moments = operation
    ? ([
        `api.${operation}.read`,
        `api.${operation}.written`,
        `api.${operation}.committed`,
        'agent.target.received',
      ] as const)
    : []
  return [
    ...moments,
    ...steps.flatMap((step) => [`agent.${step}.before`, `agent.${step}.after`] as const),
    'agent.report.before',
    'agent.report.after',
    'api.report.written',
    'api.report.committed',
  ]
}

export function listCases(): FaultCase[] {
  return victims.flatMap((victim) =>
    happenings.flatMap((happening) => pointsOf(happening).map((point) => ({ victim, happening, point }))),
  )
}

const ownerOf = (point: FailPointName): Victim => (point.startsWith('api.') ? 'api' : 'agent')

/**
 * The selection of `npm test`: each point once with the process that comes to it, and besides whatever it takes for each
 * process to die once in the middle of everything that may happen. With what a shared point is tried, and at which point
 * others die, is random.
 */
export function selectShort(cases: readonly FaultCase[], random: () => number): FaultCase[] {
  const isOwn = ({ point, victim }: FaultCase): boolean => ownerOf(point) === victim
  const pairOf = ({ victim, happening }: FaultCase): string => `${victim} ${happening}`
  const pickEach = (list: readonly FaultCase[], keyOf: (each: FaultCase) => string): FaultCase[] =>
    [...Map.groupBy(list, keyOf).values()].map((group) => pick(random, group))

  const own = pickEach(cases.filter(isOwn), ({ point }) => point)
  const pairs = new Set(own.map(pairOf))
  const others = cases.filter((each) => !isOwn(each) && !isBlocking(each.point) && !pairs.has(pairOf(each)))
  return [...own, ...pickEach(others, pairOf)]
}

/**
 * Whoever waits there keeps others from their points: a transaction locks its host, the agent takes one target and
 * sends one report at a time.
 */
export const isBlocking = (point: FailPointName): boolean =>
  !(point.startsWith('agent.') && !/^agent\.(target|report)\./.test(point)) &&
  !(point.endsWith('.committed') && !point.startsWith('api.report.'))

const batchMax = 10

/** At most one case of a round blocks, and it is the last. */
export function toRounds(cases: readonly FaultCase[], random: () => number): Round[] {
  return victims.flatMap((victim) => {
    const own = shuffle(
      random,
      cases.filter((each) => each.victim === victim),
    )
    const blocking = own.filter(({ point }) => isBlocking(point))
    const free = own.filter(({ point }) => !isBlocking(point))
    const count = Math.max(blocking.length, Math.ceil(free.length / batchMax))
    return Array.from({ length: count }, (_, n) => {
      const share = free.filter((_each, index) => index % count === n)
      return { victim, cases: [...share, ...blocking.slice(n, n + 1)] }
    })
  })
}
