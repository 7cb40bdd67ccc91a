import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { explainShortage } from './explain-shortage.ts'
import { type Candidate, listMissing, type PlacementRequest, rankHosts } from './placement.ts'

const gib = 2 ** 30

const host = (hostUuid: string, changes: Partial<Candidate> = {}): Candidate => ({
  hostUuid,
  hostName: `host-${hostUuid}`,
  freeGpus: {},
  freeMemoryBytes: 64 * gib,
  freeCpus: 16,
  freeDiskBytes: 500 * gib,
  freeSlots: 100,
  hasImage: false,
  volumeDrivers: ['local'],
  ...changes,
})
const request = (changes: Partial<PlacementRequest> = {}): PlacementRequest => ({
  gpuTypes: [],
  gpuCount: 0,
  memoryBytes: 4 * gib,
  cpus: null,
  diskBytes: 0,
  image: 'x',
  pinnedTo: null,
  volumeDrivers: [],
  residesOn: null,
  ...changes,
})
const order = (candidates: Candidate[], wanted: PlacementRequest) =>
  rankHosts(candidates, wanted).map(({ hostUuid, gpuType }) =>
    gpuType === null ? hostUuid : `${hostUuid}:${gpuType}`,
  )

describe('hosts are chosen', () => {
  it.each<[string, Candidate[], PlacementRequest, string[]]>([
    [
      'where the fewest cards stay free',
      [host('a', { freeGpus: { H100: 8 } }), host('b', { freeGpus: { H100: 2 } })],
      request({ gpuTypes: ['H100'], gpuCount: 2 }),
      ['b:H100', 'a:H100'],
    ],
    [
      'by the type that is preferred most, however few cards of another are left',
      [host('a', { freeGpus: { A100: 1 } }), host('b', { freeGpus: { H100: 8, A100: 1 } })],
      request({ gpuTypes: ['H100', 'A100'], gpuCount: 1 }),
      ['b:H100', 'a:A100'],
    ],
    [
      'for the second type where the first is short',
      [host('a', { freeGpus: { H100: 1, A100: 4 } })],
      request({ gpuTypes: ['H100', 'A100'], gpuCount: 2 }),
      ['a:A100'],
    ],
    [
      'away from free cards for what needs none',
      [host('a', { freeGpus: { H100: 8 } }), host('b', { freeGpus: { H100: 0 } })],
      request(),
      ['b', 'a'],
    ],
    ['where the image is, among equals', [host('a'), host('b', { hasImage: true })], request(), ['b', 'a']],
    [
      'the fullest first, among equals',
      [host('a'), host('b', { freeMemoryBytes: 8 * gib })],
      request(),
      ['b', 'a'],
    ],
    [
      'never with too little of anything',
      [
        host('a', { freeMemoryBytes: gib }),
        host('b', { freeCpus: 1 }),
        host('c', { freeDiskBytes: gib }),
        host('d', { freeCpus: 2, freeDiskBytes: 2 * gib }),
      ],
      request({ cpus: 2, diskBytes: 2 * gib }),
      ['d'],
    ],
  ])('%s', (_rule, candidates, wanted, expected) => {
    expect(order(candidates, wanted)).toEqual(expected)
  })
})

const types = ['H100', 'A100', 'RTX 4090']
const anyCandidate = fc
  .record({
    freeGpus: fc.dictionary(fc.constantFrom(...types), fc.nat(8)),
    freeMemoryBytes: fc.integer({ min: -gib, max: 64 * gib }),
    freeCpus: fc.integer({ min: -2, max: 16 }),
    freeDiskBytes: fc.integer({ min: 0, max: 100 * gib }),
    hasImage: fc.boolean(),
  })
  .map((fields) => host('?', fields))
const anyFleet = fc
  .array(anyCandidate, { maxLength: 12 })
  .map((fleet) =>
    fleet.map((candidate, index) => ({ ...candidate, hostUuid: String(index).padStart(2, '0') })),
  )
const anyRequest = fc
  .record({
    gpuTypes: fc.uniqueArray(fc.constantFrom(...types), { maxLength: 3 }),
    count: fc.integer({ min: 1, max: 8 }),
    memoryBytes: fc.integer({ min: 1, max: 32 * gib }),
    cpus: fc.option(fc.integer({ min: 1, max: 8 })),
    diskBytes: fc.integer({ min: 0, max: 50 * gib }),
  })
  .map(({ count, ...fields }) => request({ ...fields, gpuCount: fields.gpuTypes.length > 0 ? count : 0 }))

describe('for any fleet and request', () => {
  it('exactly the hosts that lack nothing are ranked, each with a type of which it has enough', () => {
    fc.assert(
      fc.property(anyFleet, anyRequest, (fleet, wanted) => {
        const ranked = rankHosts(fleet, wanted)
        const fitting = fleet.filter((candidate) => listMissing(candidate, wanted).length === 0)
        expect(ranked.map(({ hostUuid }) => hostUuid).toSorted()).toEqual(
          fitting.map(({ hostUuid }) => hostUuid),
        )
        for (const { hostUuid, gpuType } of ranked) {
          const free = fleet.find((candidate) => candidate.hostUuid === hostUuid)?.freeGpus ?? {}
          if (wanted.gpuCount === 0) expect(gpuType).toBeNull()
          else expect(free[gpuType ?? ''] ?? 0).toBeGreaterThanOrEqual(wanted.gpuCount)
        }
      }),
    )
  })

  it('the order of the candidates does not matter', () => {
    fc.assert(
      fc.property(anyFleet, anyRequest, (fleet, wanted) => {
        expect(rankHosts(fleet.toReversed(), wanted)).toEqual(rankHosts(fleet, wanted))
      }),
    )
  })

  it('a whole host is broken only where no other has the cards', () => {
    fc.assert(
      fc.property(anyFleet, anyRequest, (fleet, wanted) => {
        const [best] = rankHosts(fleet, wanted)
        if (!best || best.gpuType === null) return
        const type = best.gpuType
        const freeOf = (uuid: string) => fleet.find(({ hostUuid }) => hostUuid === uuid)?.freeGpus[type] ?? 0
        const rivals = rankHosts(fleet, wanted).filter(({ gpuType }) => gpuType === type)
        expect(Math.min(...rivals.map(({ hostUuid }) => freeOf(hostUuid)))).toBe(freeOf(best.hostUuid))
      }),
    )
  })

  it('either there is room or the explanation says what is missing', () => {
    fc.assert(
      fc.property(anyFleet, anyRequest, (fleet, wanted) => {
        if (rankHosts(fleet, wanted).length > 0) return
        const { message, details } = explainShortage(fleet, wanted)
        expect(message).toMatch(/^No .+\.$/)
        if (fleet.length > 0) expect(details['missing']).not.toEqual([])
      }),
    )
  })
})

describe('a shortage', () => {
  it('names what is missing where it is closest', () => {
    const fleet = [
      host('a', { freeGpus: { H100: 1 }, freeMemoryBytes: gib }),
      host('b', { freeGpus: { H100: 2 }, freeMemoryBytes: 3 * gib }),
    ]
    expect(explainShortage(fleet, request({ gpuTypes: ['H100'], gpuCount: 2 })).message).toBe(
      'No host has room for 2 H100, 4 GiB of memory; the closest one, host-b, has 3 GiB of memory free.',
    )
    expect(explainShortage([], request()).message).toMatch(/^No GPU host is connected/)
  })
})
