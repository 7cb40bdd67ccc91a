import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { users } from './accounts.ts'
import { bytea, moment } from './columns.ts'

/** Requests that were carried out, each stored in the transaction that did so. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    userUuid: uuid('user_uuid')
      .notNull()
      .references(() => users.uuid),
    key: text('key').notNull(),
    /** SHA-256 of method, path and body: the same key means the same request. */
    fingerprint: bytea('fingerprint').notNull(),
    /** The uuid of what was made or changed; null where the answer can not be given again. */
    resource: text('resource'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.userUuid, table.key] }),
    index('idempotency_keys_by_age').on(table.createdAt),
  ],
)
