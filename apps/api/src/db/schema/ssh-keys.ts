import { pgTable, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { users } from './accounts.ts'
import { moment } from './columns.ts'

export const sshKeys = pgTable(
  'ssh_keys',
  {
    uuid: uuid('uuid').primaryKey(),
    userUuid: uuid('user_uuid')
      .notNull()
      .references(() => users.uuid),
    name: text('name').notNull(),
    type: text('type').notNull(),
    /** Base64, as OpenSSH writes it. */
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    comment: text('comment').notNull(),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    uniqueIndex('ssh_keys_name').on(table.userUuid, table.name),
    // A key says who comes in, so it is one user's.
    unique('ssh_keys_fingerprint').on(table.fingerprint),
  ],
)
