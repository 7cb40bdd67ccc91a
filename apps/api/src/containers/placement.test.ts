import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Candidate, rankHosts } from './placement.ts'

const host = (hostUuid: string, freeGpus: number, containers = 0): Candidate => ({
  hostUuid,
  freeGpus,
  containers,
})
const order = (candidates: Candidate[], count: number) =>
  rankHosts(candidates, count).map(({ hostUuid }) => hostUuid)

describe('placement', () => {
  it('packs GPU containers so that whole hosts stay free', () => {
    expect(order([host('a', 8), host('b', 1), host('c', 2)], 1)).toEqual(['b', 'c', 'a'])
    expect(order([host('a', 8), host('b', 1), host('c', 2)], 2)).toEqual(['c', 'a'])
    expect(order([host('a', 1)], 2)).toEqual([])
  })

  it('spreads containers without a GPU', () => {
    expect(order([host('a', 0, 3), host('b', 0, 1)], 0)).toEqual(['b', 'a'])
  })

  it('only names hosts with room, each once', () => {
    const anyHost = fc.record({ hostUuid: fc.uuid(), freeGpus: fc.nat(8), containers: fc.nat(9) })
    fc.assert(
      fc.property(
        fc.uniqueArray(anyHost, { selector: ({ hostUuid }) => hostUuid }),
        fc.nat(8),
        (candidates, count) => {
          const ranked = rankHosts(candidates, count)
          expect(new Set(ranked)).toEqual(new Set(candidates.filter(({ freeGpus }) => freeGpus >= count)))
        },
      ),
    )
  })
})
