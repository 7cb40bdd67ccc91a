import { sql } from 'drizzle-orm'
import { bigint, index, integer, numeric, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { teams } from './accounts.ts'
import { moment } from './columns.ts'

/**
 * From when to when a container's GPUs were charged, at the price of its start. Triggers refuse deletions and all
 * changes but the one end; without foreign keys, since it outlives what it tells of.
 */
export const usageIntervals = pgTable(
  'usage_intervals',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    teamUuid: uuid('team_uuid').notNull(),
    containerUuid: uuid('container_uuid').notNull(),
    containerName: text('container_name').notNull(),
    hostUuid: uuid('host_uuid').notNull(),
    gpuType: text('gpu_type').notNull(),
    gpuCount: integer('gpu_count').notNull(),
    /** Of one card. */
    pricePerHour: numeric('price_per_hour', { precision: 12, scale: 4 }).notNull(),
    startedAt: moment('started_at').notNull(),
    /** Null while it runs. */
    endedAt: moment('ended_at'),
  },
  (table) => [
    uniqueIndex('usage_intervals_open')
      .on(table.containerUuid)
      .where(sql`ended_at is null`),
    index('usage_intervals_by_team').on(table.teamUuid, table.startedAt),
  ],
)

/** What teams were given, or had taken away. Append-only. */
export const credits = pgTable(
  'credits',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull(),
    teamUuid: uuid('team_uuid')
      .notNull()
      .references(() => teams.uuid),
    amount: numeric('amount', { precision: 14, scale: 4 }).notNull(),
    note: text('note').notNull(),
    createdBy: uuid('created_by').notNull(),
  },
  (table) => [index('credits_by_team').on(table.teamUuid, table.id)],
)
