import { bigint, index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/**
 * Who has asked for what, stored before it is done. Triggers refuse to change or delete rows; without foreign keys,
 * since it outlives what it tells of.
 */
export const auditEntries = pgTable(
  'audit_entries',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull().defaultNow(),
    teamUuid: uuid('team_uuid').notNull(),
    userUuid: uuid('user_uuid').notNull(),
    keyId: text('key_id').notNull(),
    requestId: text('request_id').notNull(),
    /** `exec` and the like of what goes into a container, else the contract's name of the endpoint. */
    action: text('action').notNull(),
    containerUuid: uuid('container_uuid'),
    /** The first parameter of the path, where there is one. */
    object: text('object'),
    /** JSON, as text: what users send need not be what jsonb takes. */
    detail: text('detail').notNull(),
  },
  (table) => [
    index('audit_entries_by_team').on(table.teamUuid, table.id),
    index('audit_entries_by_time').on(table.at),
  ],
)

/** What became of it, as far as the control plane heard. */
export const auditOutcomes = pgTable('audit_outcomes', {
  entryId: bigint('entry_id', { mode: 'number' })
    .primaryKey()
    .references(() => auditEntries.id),
  at: moment('at').notNull().defaultNow(),
  /** JSON, as above. */
  outcome: text('outcome').notNull(),
})
