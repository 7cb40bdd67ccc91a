import { pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

export const teams = pgTable('teams', {
  uuid: uuid('uuid').primaryKey().defaultRandom(),
  name: text('name').notNull().unique(),
  createdAt: moment('created_at').notNull().defaultNow(),
})

export const users = pgTable('users', {
  uuid: uuid('uuid').primaryKey().defaultRandom(),
  teamUuid: uuid('team_uuid')
    .notNull()
    .references(() => teams.uuid),
  email: text('email').notNull().unique(),
  createdAt: moment('created_at').notNull().defaultNow(),
})

export const apiKeys = pgTable('api_keys', {
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
})
