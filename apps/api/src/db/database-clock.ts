import { sql } from 'drizzle-orm'
import type { Clock } from '../deps.ts'
import type { Database } from './connect.ts'

/** Between two looks at the database's clock. */
const intervalMs = 30_000

export interface DatabaseClock extends Clock, Disposable {}

/**
 * The database's time, which replicas share: moments that one writes are judged by others. Measured at the start and
 * now and then, as the offset of this machine's clock; while the database is away the last one goes on.
 */
export async function createDatabaseClock(db: Database): Promise<DatabaseClock> {
  let offsetMs = await measureOffset(db)
  const timer = setInterval(() => {
    measureOffset(db).then(
      (measured) => (offsetMs = measured),
      () => {},
    )
  }, intervalMs)
  timer.unref()
  return {
    // From the monotonic clock, so that a jump of this machine's time between two looks changes nothing.
    now: () => new Date(performance.now() + offsetMs),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** Milliseconds from this process's monotonic clock to the database's; right to half a round trip. */
async function measureOffset(db: Database): Promise<number> {
  const sentAt = performance.now()
  const [row] = await db.execute<{ now: string }>(
    sql`select extract(epoch from clock_timestamp()) * 1000 as now`,
  )
  return Number(row?.now) - (sentAt + performance.now()) / 2
}
