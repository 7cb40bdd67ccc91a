import { bigint, doublePrecision, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { teams } from './accounts.ts'

/** Rate limits; unlogged, since a crash may empty it. */
export const rateBuckets = pgTable(
  'rate_buckets',
  {
    /** What is limited, and of whom. */
    id: text('id').primaryKey(),
    /** Milliseconds since the epoch. */
    fullAt: doublePrecision('full_at').notNull(),
    /** By the last one who took from it. */
    granted: integer('granted').notNull(),
  },
  (table) => [index('rate_buckets_by_time').on(table.fullAt)],
)

/** What a team may have at a time; null, and a team without a row: as much as there is. */
export const quotas = pgTable('quotas', {
  teamUuid: uuid('team_uuid')
    .primaryKey()
    .references(() => teams.uuid),
  gpus: integer('gpus'),
  containers: integer('containers'),
  volumes: integer('volumes'),
  volumeBytes: bigint('volume_bytes', { mode: 'number' }),
  sessions: integer('sessions'),
})

/** Sessions that may be open, of teams that may have so many only. One that has ended is found out when it matters. */
export const sessionClaims = pgTable(
  'session_claims',
  {
    id: uuid('id').primaryKey(),
    teamUuid: uuid('team_uuid').notNull(),
    containerUuid: uuid('container_uuid').notNull(),
    claimedAt: timestamp('claimed_at', { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [index('session_claims_by_team').on(table.teamUuid)],
)
