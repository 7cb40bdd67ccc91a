import { pgTable, text } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/** Gateways that have said hello, by where agents reach them. */
export const gateways = pgTable('gateways', {
  uplinkUrl: text('uplink_url').primaryKey(),
  seenAt: moment('seen_at').notNull(),
})

/** Tickets of terminals that were used, until they would have expired anyway. */
export const spentTickets = pgTable('spent_tickets', {
  nonce: text('nonce').primaryKey(),
  expiresAt: moment('expires_at').notNull(),
})
