import { pgTable, text } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/** Replicas of the API that take uplinks of their own, by where agents reach them. */
export const replicas = pgTable('replicas', {
  uplinkUrl: text('uplink_url').primaryKey(),
  seenAt: moment('seen_at').notNull(),
})
