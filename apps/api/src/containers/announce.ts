import type { Announcement } from '../events/store.ts'
import { deadlineOf } from './deadline.ts'
import type { StatusView } from './status.ts'
import type { ContainerRecord } from './store.ts'

/** What users are to be told of this status, which began now. */
export function toAnnouncement(
  { row, host }: Pick<ContainerRecord, 'row' | 'host'>,
  { status, reason }: StatusView,
  now: Date,
): Announcement {
  const { uuid, teamUuid } = row
  // A verdict has been passed: there is nothing more to wait for.
  const deadlineAt =
    reason === null || status !== 'deleting' ? deadlineOf(status, now, toTimeoutMs(host)) : null
  return { uuid, teamUuid, status, reason, deadlineAt }
}

/** As `toAnnouncement`, by a report: time went on while its host was cut off. */
export function toNews(
  record: Pick<ContainerRecord, 'row' | 'host'>,
  view: StatusView,
  now: Date,
): Announcement {
  const announcement = toAnnouncement(record, view, now)
  const { announcedStatus, deadlineAt } = record.row
  const goesOn = announcedStatus === 'unreachable' && deadlineAt !== null && announcement.deadlineAt !== null
  return goesOn ? { ...announcement, deadlineAt } : announcement
}

const toTimeoutMs = (host: ContainerRecord['host']): number => (host?.deployTimeoutS ?? 0) * 1000
