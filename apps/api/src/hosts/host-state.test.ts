import { describe, expect, it } from 'vitest'
import { hostStateOf } from './host-state.ts'

const now = new Date('2026-01-01T00:01:00Z')
const well = { state: 'active', lastSeenAt: now, engineAvailable: true, engineMessage: null } as const
const silent = { ...well, lastSeenAt: new Date('2026-01-01T00:00:00Z') }

describe('the state of a host', () => {
  it.each([
    ['is what an operator wants of it', { ...well, state: 'draining' as const }, 'draining'],
    ['is that it is silent, if it is', silent, 'unreachable'],
    ['is that it has never spoken', { ...well, lastSeenAt: null }, 'joined'],
    ['is that it counts as dead, silent or not', { ...silent, state: 'fenced' as const }, 'fenced'],
  ])('%s', (_, host, state) => expect(hostStateOf(host, now).state).toBe(state))

  it('hides no wish of an operator behind its silence', () => {
    for (const host of [silent, { ...well, lastSeenAt: null }]) {
      expect(hostStateOf({ ...host, state: 'cordoned' }, now).reason).toContain('has made it cordoned')
      expect(hostStateOf(host, now).reason).not.toContain('operator')
    }
  })
})
