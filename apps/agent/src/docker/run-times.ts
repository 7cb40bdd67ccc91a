interface RunTimes {
  readonly startedAt: string | null
  readonly finishedAt: string | null
}

/**
 * The engine takes the time of a start when runc has returned: by then a short program has ended, and its end comes
 * first by some milliseconds. Such a run took no time.
 */
export function toRunTimes(
  { StartedAt, FinishedAt }: { StartedAt: string; FinishedAt: string },
  isRunning: boolean,
): RunTimes {
  const startedAt = toTime(StartedAt)
  const finishedAt = isRunning ? null : toTime(FinishedAt)
  if (startedAt === null || finishedAt === null) return { startedAt, finishedAt }
  return { startedAt, finishedAt: Date.parse(finishedAt) < Date.parse(startedAt) ? startedAt : finishedAt }
}

const toTime = (text: string): string | null => (text.startsWith('0001-') ? null : text)
