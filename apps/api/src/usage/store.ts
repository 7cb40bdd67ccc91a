import { and, desc, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm'
import type { Queries, Transaction } from '../db/connect.ts'
import { credits, teams, usageIntervals } from '../db/schema/index.ts'
import type { Charge } from './money.ts'

/** Opens an interval for each of these containers that has cards and none open yet. */
export async function openIntervals(tx: Transaction, uuids: readonly string[], at: Date): Promise<void> {
  if (uuids.length === 0) return
  await tx.execute(sql`
    insert into usage_intervals (
      team_uuid, container_uuid, container_name, host_uuid, gpu_type, gpu_count, price_per_hour, started_at
    )
    select team_uuid, uuid, containers.name, host_uuid, gpu_type, gpu_count, coalesce(price_per_hour, 0), ${at.toISOString()}::timestamptz
    from containers left join gpu_types on gpu_types.name = containers.gpu_type
    where uuid = any(${sql.param([...uuids])}::uuid[]) and gpu_count > 0 and gpu_type is not null and host_uuid is not null
    on conflict do nothing`)
}

/** Never before its start, whichever way the clock has jumped. */
export async function closeIntervals(tx: Transaction, uuids: readonly string[], at: Date): Promise<void> {
  if (uuids.length === 0) return
  await tx.execute(sql`
    update usage_intervals set ended_at = greatest(started_at, ${at.toISOString()}::timestamptz)
    where container_uuid = any(${sql.param([...uuids])}::uuid[]) and ended_at is null`)
}

/** Of an open interval only what its host has confirmed. */
const spans = (teamUuid: string, now: Date) => sql`(
  select container_uuid, container_name, gpu_type, gpu_count, price_per_hour, started_at,
    coalesce(ended_at, greatest(started_at, least(${now.toISOString()}::timestamptz, hosts.last_seen_at))) as until
  from usage_intervals left join hosts on hosts.uuid = usage_intervals.host_uuid
  where team_uuid = ${teamUuid}
) as spans`

// Whole numbers of milliseconds and ten-thousandths: exact.
const milliseconds = (from: ReturnType<typeof sql>, to: ReturnType<typeof sql>) =>
  sql`(extract(epoch from ${to} - ${from}) * 1000)`

export type Grouping = 'day' | 'container' | 'gpu-type'

export interface UsageRow {
  readonly key: string
  readonly name: string
  readonly gpuMs: number
  readonly charge: Charge
}

const keys = {
  day: { key: sql`to_char(part.starts, 'YYYY-MM-DD')`, name: sql`to_char(part.starts, 'YYYY-MM-DD')` },
  container: { key: sql`container_uuid::text`, name: sql`max(container_name)` },
  'gpu-type': { key: sql`gpu_type`, name: sql`gpu_type` },
} as const

/** What a team was charged for between two moments, by days in UTC, containers or types. */
export async function sumUsage(
  db: Queries,
  teamUuid: string,
  { from, to, by, now }: { from: Date; to: Date; by: Grouping; now: Date },
): Promise<UsageRow[]> {
  const { key, name } = keys[by]
  const [start, end] = [sql`${from.toISOString()}::timestamptz`, sql`${to.toISOString()}::timestamptz`]
  const days = sql`cross join lateral (
    select greatest(day, clipped.starts) as starts, least(day + interval '1 day', clipped.ends) as ends
    from generate_series(date_trunc('day', clipped.starts), clipped.ends, interval '1 day') as day
  ) as part`
  const whole = sql`cross join lateral (select clipped.starts, clipped.ends) as part`
  const length = milliseconds(sql`part.starts`, sql`part.ends`)
  const rows = await db.execute<{ key: string; name: string; gpu_ms: string; charge: string }>(sql`
    select ${key} as key, ${name} as name, sum(${length} * gpu_count)::bigint::text as gpu_ms,
      sum(${length} * gpu_count * price_per_hour * 10000)::numeric(60, 0)::text as charge
    from ${spans(teamUuid, now)}
    cross join lateral (select greatest(started_at, ${start}) as starts, least(until, ${end}) as ends) as clipped
    ${by === 'day' ? days : whole}
    where clipped.starts < clipped.ends and part.starts < part.ends
    group by 1 ${by === 'container' ? sql`` : sql`, 2`} order by 1`)
  return rows.map(({ gpu_ms: gpuMs, charge, ...row }) => ({
    ...row,
    gpuMs: Number(gpuMs),
    charge: BigInt(charge),
  }))
}

/** All charges of a team so far, and what its running containers cost in an hour, in ten-thousandths. */
export async function sumCharges(
  db: Queries,
  teamUuid: string,
  now: Date,
): Promise<{ charges: Charge; perHour: bigint }> {
  const length = milliseconds(sql`started_at`, sql`until`)
  const [[total], [open]] = await Promise.all([
    db.execute<{ charges: string }>(sql`
      select coalesce(sum(${length} * gpu_count * price_per_hour * 10000), 0)::numeric(60, 0)::text as charges
      from ${spans(teamUuid, now)}`),
    db.execute<{ per_hour: string }>(sql`
      select coalesce(sum(gpu_count * price_per_hour * 10000), 0)::numeric(60, 0)::text as per_hour
      from usage_intervals where team_uuid = ${teamUuid} and ended_at is null`),
  ])
  return { charges: BigInt(total?.charges ?? 0), perHour: BigInt(open?.per_hour ?? 0) }
}

export async function sumCredits(db: Queries, teamUuid: string): Promise<bigint> {
  const [row] = await db.execute<{ sum: string }>(sql`
    select coalesce(sum(amount * 10000), 0)::numeric(60, 0)::text as sum from credits where team_uuid = ${teamUuid}`)
  return BigInt(row?.sum ?? 0)
}

export type CreditRow = typeof credits.$inferSelect

export async function insertCredit(
  db: Queries,
  row: Omit<typeof credits.$inferInsert, 'id'>,
): Promise<number> {
  const [inserted] = await db.insert(credits).values(row).returning({ id: credits.id })
  return inserted?.id ?? 0
}

export const listCredits = (
  db: Queries,
  teamUuid: string,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<CreditRow[]> =>
  db
    .select()
    .from(credits)
    .where(and(eq(credits.teamUuid, teamUuid), before === undefined ? undefined : lt(credits.id, before)))
    .orderBy(desc(credits.id))
    .limit(limit)

const billing = {
  uuid: teams.uuid,
  name: teams.name,
  prepaid: teams.prepaid,
  exhaustedAt: teams.exhaustedAt,
}
export type Billing = Awaited<ReturnType<typeof findBilling>>

export async function findBilling(db: Queries, teamUuid: string) {
  const [row] = await db.select(billing).from(teams).where(eq(teams.uuid, teamUuid))
  return row
}

/** Prepaid teams that pay now, or have to be told that they have paid. */
export const listPaying = (db: Queries) =>
  db
    .select(billing)
    .from(teams)
    .where(
      sql`${teams.exhaustedAt} is not null or ${teams.prepaid} and exists (
        select from usage_intervals where usage_intervals.team_uuid = teams.uuid and ended_at is null
      )`,
    )

/** Whether this changed it: another replica may have been first. */
export async function setExhausted(tx: Transaction, teamUuid: string, at: Date | null): Promise<boolean> {
  const was = at === null ? isNotNull(teams.exhaustedAt) : isNull(teams.exhaustedAt)
  const changed = await tx
    .update(teams)
    .set({ exhaustedAt: at })
    .where(and(eq(teams.uuid, teamUuid), was))
    .returning({ uuid: teams.uuid })
  return changed.length > 0
}

export async function listOpenIntervals(
  db: Queries,
  teamUuid: string,
): Promise<{ containerUuid: string; hostUuid: string }[]> {
  return db
    .select({
      containerUuid: usageIntervals.containerUuid,
      hostUuid: usageIntervals.hostUuid,
    })
    .from(usageIntervals)
    .where(and(eq(usageIntervals.teamUuid, teamUuid), isNull(usageIntervals.endedAt)))
}
