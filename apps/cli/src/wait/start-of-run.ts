import type { Container } from '@gpulab/contract'

/** A program may write before the engine notes that it has started. */
const slackMs = 2000

type Run = Pick<Container, 'started_at' | 'finished_at' | 'last_exit'>

/** From when on the log is that of the present run; undefined: all of it is. */
export function startOfRun({ started_at: startedAt, finished_at: finishedAt, last_exit: last }: Run) {
  if (startedAt === null) return undefined
  // While it runs, the end of the run before is exact.
  if (finishedAt === null) return last?.finished_at ?? undefined
  return new Date(Date.parse(startedAt) - slackMs).toISOString()
}
