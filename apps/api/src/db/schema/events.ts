import { bigint, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'
import { containers } from './containers.ts'

/** Append-only. */
export const events = pgTable(
  'events',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull().defaultNow(),
    containerUuid: uuid('container_uuid')
      .notNull()
      .references(() => containers.uuid),
    type: text('type', { enum: ['status', 'deploy_log'] }).notNull(),
    status: text('status'),
    reason: text('reason'),
    message: text('message').notNull(),
    /** Boot and number of a line that came from a host, so that a repeated line is stored once. */
    source: text('source'),
  },
  (table) => [
    index('events_by_container').on(table.containerUuid, table.id),
    uniqueIndex('events_source').on(table.containerUuid, table.source),
  ],
)
