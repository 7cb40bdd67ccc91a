import { bigint, customType, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'
import { moment } from './columns.ts'
import { containers } from './containers.ts'
import { hosts } from './hosts.ts'

/** PostgreSQL's 64-bit transaction id, as text. */
const xid8 = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' })

/** Append-only. */
export const events = pgTable(
  'events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    /**
     * Who wrote it. Numbers are given before transactions commit, so across containers a follower could pass one that
     * commits late; transactions older than all that run can be passed for good.
     */
    xid: xid8('xid')
      .notNull()
      .default(sql`pg_current_xact_id()`),
    at: moment('at').notNull().defaultNow(),
    teamUuid: uuid('team_uuid').notNull(),
    containerUuid: uuid('container_uuid')
      .notNull()
      .references(() => containers.uuid),
    type: text('type', { enum: ['status', 'deploy_log', 'billing'] }).notNull(),
    status: text('status'),
    reason: text('reason'),
    message: text('message').notNull(),
    /** Boot and number of a line that came from a host, so that a repeated line is stored once. */
    source: text('source'),
  },
  (table) => [
    index('events_by_container').on(table.containerUuid, table.id),
    index('events_by_team').on(table.teamUuid, table.xid, table.id),
    uniqueIndex('events_source').on(table.containerUuid, table.source),
  ],
)

/** What happened to hosts, for operators. Append-only. */
export const hostEvents = pgTable(
  'host_events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull(),
    hostUuid: uuid('host_uuid')
      .notNull()
      .references(() => hosts.uuid, { onDelete: 'cascade' }),
    type: text('type').notNull(),
    message: text('message').notNull(),
  },
  (table) => [index('host_events_by_host').on(table.hostUuid, table.id)],
)
