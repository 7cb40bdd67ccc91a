import { describe, expect, it } from 'vitest'
import { findOrphans, type Found, type Memory } from './find-orphans.ts'

const minute = 60_000
const nowMs = Date.UTC(2026, 0, 1)
const graceMs = 10 * minute
const ago = (minutes: number): number => nowMs - minutes * minute
const container = (fields: Partial<Found> & { minutes?: number } = {}): Found => ({
  kind: 'container',
  ref: 'id',
  name: 'gpulab-a-g1',
  owner: 'a',
  createdAt: new Date(ago(fields.minutes ?? 60)).toISOString(),
  ...fields,
})
const seen = (minutes: number, key = 'container id'): Memory => new Map([[key, ago(minutes)]])
const look = (found: Found[], memory: Memory, { wanted = false, startedMinutes = 60 } = {}) =>
  findOrphans({ found, isWanted: () => wanted, memory, nowMs, startedMs: ago(startedMinutes), graceMs })
const dueIn = (found: Found[], memory: Memory, startedMinutes?: number): number =>
  ((look(found, memory, { startedMinutes: startedMinutes ?? 60 }).orphans[0]?.dueMs ?? NaN) - nowMs) / minute

describe('an orphan', () => {
  it.each([
    ['seen for the first time has the whole grace', container(), new Map(), undefined, 10],
    ['seen before has the rest of it', container(), seen(4), undefined, 6],
    ['seen long before has none left', container(), seen(15), undefined, -5],
    ['that is young itself is spared as long', container({ minutes: 2 }), seen(15), undefined, 8],
    ['of an agent that is young is spared as long', container(), seen(15), 1, 9],
    ['whose age can not be read is spared', container({ createdAt: 'soon' }), seen(15), undefined, 10],
    ['that another was seen as has the whole grace', container(), seen(15, 'image id'), undefined, 10],
  ])('%s', (_, found, memory, startedMinutes, expected) => {
    expect(dueIn([found], memory, startedMinutes)).toBe(expected)
  })

  it('is remembered while it is one, and from then on anew', () => {
    const first = look([container()], new Map())
    expect(first.memory).toEqual(new Map([['container id', nowMs]]))
    expect(look([], first.memory).memory.size).toBe(0)
    const wanted = look([container()], seen(15), { wanted: true })
    expect(wanted).toEqual({ orphans: [], memory: new Map() })
  })

  it('goes with the youngest of its parts', () => {
    const parts = [
      container(),
      container({ kind: 'image', ref: 'i' }),
      container({ ref: 'young', minutes: 1 }),
      container({ ref: 'another', owner: 'b' }),
    ]
    const memory = new Map(parts.map(({ kind, ref }) => [`${kind} ${ref}`, ago(20)]))
    const due = look(parts, memory).orphans.map(({ dueMs }) => (dueMs - nowMs) / minute)
    expect(due).toEqual([9, 9, 9, -10])
  })
})
