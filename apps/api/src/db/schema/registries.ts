import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { teams } from './accounts.ts'
import { bytea, moment } from './columns.ts'

export const registryLogins = pgTable(
  'registry_logins',
  {
    teamUuid: uuid('team_uuid')
      .notNull()
      .references(() => teams.uuid),
    /** In lower case; Docker Hub is `docker.io`. */
    registry: text('registry').notNull(),
    /** Another one with each change: hosts remember by it who may have an image. */
    id: uuid('id').notNull(),
    username: text('username').notNull(),
    /** Encrypted, with `id` as the context. */
    password: bytea('password').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.teamUuid, table.registry] })],
)
