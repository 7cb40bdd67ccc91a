import { expect, it } from 'vitest'
import { toNews } from './announce.ts'
import type { ContainerRecord } from './store.ts'

const now = new Date('2026-01-01T00:00:00Z')
const earlier = new Date('2026-01-01T00:00:10Z')
const fresh = new Date('2026-01-01T00:02:00Z')

const newsOf = (announcedStatus: string, deadlineAt: Date | null, status: 'stopping' | 'stopped') => {
  const row = { uuid: 'one', teamUuid: 'team', announcedStatus, deadlineAt }
  const record = { row, host: undefined } as unknown as Pick<ContainerRecord, 'row' | 'host'>
  return toNews(record, { status, reason: null }, now).deadlineAt
}

it.each([
  ['its own time', 'running', null, 'stopping', fresh],
  [
    'what is left of its time, if its host was cut off meanwhile',
    'unreachable',
    earlier,
    'stopping',
    earlier,
  ],
  ['its own time, if it began while its host was cut off', 'unreachable', null, 'stopping', fresh],
  ['no deadline, if it lasts', 'unreachable', earlier, 'stopped', null],
] as const)('a status that a report brings has %s', (_what, before, deadlineAt, status, expected) => {
  expect(newsOf(before, deadlineAt, status)).toEqual(expected)
})
