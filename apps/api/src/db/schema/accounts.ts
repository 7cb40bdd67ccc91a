import { boolean, index, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

export const teams = pgTable('teams', {
  uuid: uuid('uuid').primaryKey().defaultRandom(),
  name: text('name').notNull().unique(),
  /** Nothing that costs runs without credit. */
  prepaid: boolean('prepaid').notNull().default(false),
  /** Since when a prepaid team has nothing left. */
  exhaustedAt: moment('exhausted_at'),
  createdAt: moment('created_at').notNull().defaultNow(),
})

export const users = pgTable(
  'users',
  {
    uuid: uuid('uuid').primaryKey().defaultRandom(),
    teamUuid: uuid('team_uuid')
      .notNull()
      .references(() => teams.uuid),
    email: text('email').notNull().unique(),
    role: text('role', { enum: ['owner', 'member', 'viewer'] })
      .notNull()
      .default('member'),
    /** Of the platform team. */
    isAdministrator: boolean('is_administrator').notNull().default(false),
    /** While it is set, none of its keys is valid. */
    disabledAt: moment('disabled_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('users_by_team').on(table.teamUuid)],
)

export const apiKeys = pgTable(
  'api_keys',
  {
    /** The public part of the key. */
    id: text('id').primaryKey(),
    userUuid: uuid('user_uuid')
      .notNull()
      .references(() => users.uuid),
    name: text('name').notNull(),
    /** HMAC-SHA-256 of the whole key under the server's pepper. */
    hash: bytea('hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
    expiresAt: moment('expires_at'),
    revokedAt: moment('revoked_at'),
    /** To a minute. */
    lastUsedAt: moment('last_used_at'),
  },
  (table) => [index('api_keys_by_user').on(table.userUuid)],
)
