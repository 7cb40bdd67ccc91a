import { describe, expect, it } from 'vitest'
import { findOrphans, type Found, type Memory } from './find-orphans.ts'

const minute = 60_000
const nowMs = 100 * minute
const graceMs = 10 * minute
const ago = (minutes: number): number => nowMs - minutes * minute
const container = (fields: Partial<Found> = {}): Found => ({
  kind: 'container',
  ref: 'id',
  name: 'gpulab-a-g1',
  owner: 'a',
  createdAt: 'then',
  isOurs: true,
  ...fields,
})
const seen = (minutes: number, key = 'container id then'): Memory => new Map([[key, ago(minutes)]])
const look = (found: Found[], memory: Memory, { wanted = false, startedMinutes = 60 } = {}) =>
  findOrphans({ found, isWanted: () => wanted, memory, nowMs, startedMs: ago(startedMinutes), graceMs })
const dueIn = (found: Found[], memory: Memory, startedMinutes?: number): number =>
  (look(found, memory, { startedMinutes: startedMinutes ?? 60 }).orphans[0]?.dueInMs ?? NaN) / minute

describe('an orphan', () => {
  it.each([
    ['seen for the first time has the whole grace', container(), new Map(), undefined, 10],
    ['seen before has the rest of it', container(), seen(4), undefined, 6],
    ['seen long before has none left', container(), seen(15), undefined, -5],
    ['of an agent that is young is spared as long', container(), seen(15), 1, 9],
    ['that another was seen as has the whole grace', container(), seen(15, 'image id then'), undefined, 10],
    ['that has the name of one of before, too', container({ createdAt: 'now' }), seen(15), undefined, 10],
  ])('%s', (_, found, memory, startedMinutes, expected) => {
    expect(dueIn([found], memory, startedMinutes)).toBe(expected)
  })

  it('is remembered while it is one, and from then on anew', () => {
    const first = look([container()], new Map())
    expect(first.memory).toEqual(new Map([['container id then', nowMs]]))
    expect(look([], first.memory).memory.size).toBe(0)
    const wanted = look([container()], seen(15), { wanted: true })
    expect(wanted).toEqual({ orphans: [], memory: new Map() })
  })

  it('goes with the youngest of its parts', () => {
    const parts = [container(), container({ kind: 'image', ref: 'i' }), container({ ref: 'young' })]
    const others = [container({ ref: 'another', owner: 'b' })]
    const memory = new Map(
      [...parts, ...others].map(({ kind, ref }) => [`${kind} ${ref} then`, ago(ref === 'young' ? 1 : 20)]),
    )
    const due = look([...parts, ...others], memory).orphans.map(({ dueInMs }) => dueInMs / minute)
    expect(due).toEqual([9, 9, 9, -10])
  })

  it('stays if not all of it is known to be of this host', () => {
    const parts = [container(), container({ kind: 'image', ref: 'i', isOurs: false })]
    const { orphans } = look([...parts, container({ ref: 'another', owner: 'b' })], new Map())
    expect(orphans.map(({ ref, isRemovable }) => [ref, isRemovable])).toEqual([
      ['id', false],
      ['i', false],
      ['another', true],
    ])
  })
})
