import { bigint, integer, jsonb, numeric, pgTable, text, uuid } from 'drizzle-orm/pg-core'

export const gpuTypes = pgTable('gpu_types', {
  /** As nvidia-smi names the card. */
  name: text('name').primaryKey(),
  memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
  pricePerHour: numeric('price_per_hour', { precision: 12, scale: 4 }).notNull(),
  currency: text('currency').notNull(),
})

export const templates = pgTable('templates', {
  uuid: uuid('uuid').primaryKey().defaultRandom(),
  name: text('name').notNull().unique(),
  type: text('type', { enum: ['gpu', 'cpu'] }).notNull(),
  image: text('image').notNull(),
  /** The image that was meant, where a stand-in is used. */
  standInFor: text('stand_in_for'),
  ports: integer('ports').array().notNull(),
  memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
  command: jsonb('command').$type<string[]>(),
})
