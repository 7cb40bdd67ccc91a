import { sql } from 'drizzle-orm'
import type { Queries } from '../db/connect.ts'
import type { Rate } from './rates.ts'

export interface Grant {
  /** How many of the tokens that were asked for there were. */
  readonly tokens: number
  /** What was left in the bucket then. */
  readonly left: number
}

/**
 * Takes up to so many tokens from a bucket that all replicas share. It is kept as the moment at which it will be full
 * again, so that a bucket that nobody uses needs nothing done to it.
 */
export async function takeTokens(
  db: Queries,
  bucket: string,
  { wanted, rate, now }: { wanted: number; rate: Rate; now: Date },
): Promise<Grant> {
  const costMs = 1000 / rate.perSecond
  const at = now.getTime()
  const asked = Math.min(wanted, rate.burst)
  // No more than a bucket holds, or a clock that was set back would keep it empty for so long.
  const owed = sql`least(greatest(b.full_at - ${at}::float8, 0), ${rate.burst * costMs}::float8)`
  const granted = sql`greatest(0, least(${asked}::int, floor((${rate.burst * costMs}::float8 - ${owed}) / ${costMs}::float8 + 1e-6)))`
  const [row] = await db.execute<{ granted: number; full_at: number }>(sql`
    insert into rate_buckets as b (id, full_at, granted)
    values (${bucket}, ${at}::float8 + ${asked}::int * ${costMs}::float8, ${asked}::int)
    on conflict (id) do update set granted = ${granted}, full_at = ${at}::float8 + ${owed} + ${granted} * ${costMs}::float8
    returning granted, full_at`)
  const owedAfterMs = Math.max(0, (row?.full_at ?? at) - at)
  return { tokens: row?.granted ?? 0, left: Math.max(0, Math.floor(rate.burst - owedAfterMs / costMs)) }
}

/** Full ones say nothing. */
export async function deleteFullBuckets(db: Queries, now: Date): Promise<void> {
  await db.execute(sql`delete from rate_buckets where full_at < ${now.getTime()}::float8`)
}
