import { type FailPointName, failPointNames } from '@gpulab/fail-points'
import { describe, expect, test } from 'vitest'
import { isBlocking, listCases, nameOf, selectShort, toRounds } from './matrix.ts'
import { happenings } from './operations.ts'
import { victims } from './part.ts'
import { createRandom } from './random.ts'

const cases = listCases()
/**
 * What is left when somebody has taken a container away behind our back is no part of any operation; those of volumes
 * are tried where nothing but an agent is needed, in apps/agent/test/volume-kills.docker.test.ts.
 */
const others: readonly FailPointName[] = [
  'agent.lose.before',
  'agent.lose.after',
  'agent.volume.reserved',
  'agent.volume.placed',
  'agent.volume.growing',
  'agent.volume.grown',
  'agent.volume.removing',
]
const points = new Set(failPointNames.filter((name) => !others.includes(name)))
const seeds = [1, 2, 3, 4, 5]

test('all cases together come to every fail point there is', () => {
  expect(new Set(cases.map(({ point }) => point))).toEqual(points)
})

test('names of cases are unique', () => {
  expect(new Set(cases.map(nameOf)).size).toBe(cases.length)
})

describe.for(seeds)('the short selection of seed %i', (seed) => {
  const short = selectShort(cases, createRandom(seed))

  test('kills at every point the process that comes to it', () => {
    const own = short.filter(({ victim, point }) => point.startsWith(`${victim}.`))
    expect(new Set(own.map(({ point }) => point))).toEqual(points)
  })

  test('kills every process during everything that may happen', () => {
    const pairs = new Set(short.map(({ victim, happening }) => `${victim} ${happening}`))
    expect(pairs.size).toBe(victims.length * happenings.length)
  })

  test('is the same for the same seed', () => {
    expect(selectShort(cases, createRandom(seed))).toEqual(short)
  })
})

describe.for(seeds)('rounds of seed %i', (seed) => {
  const rounds = toRounds(cases, createRandom(seed))

  test('have every case once', () => {
    const names = rounds.flatMap((round) => round.cases.map(nameOf))
    expect(names.toSorted()).toEqual(cases.map(nameOf).toSorted())
  })

  test('have one victim, and at most one blocking case, which is the last', () => {
    for (const { victim, cases: own } of rounds) {
      expect(own.every((each) => each.victim === victim)).toBe(true)
      expect(own.slice(0, -1).filter(({ point }) => isBlocking(point))).toEqual([])
    }
  })
})
