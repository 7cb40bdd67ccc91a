import type { Template } from '@gpulab/contract'
import { sql } from 'drizzle-orm'
import { bigint, integer, jsonb, numeric, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { teams } from './accounts.ts'
import { moment } from './columns.ts'

export const gpuTypes = pgTable('gpu_types', {
  /** As nvidia-smi names the card. */
  name: text('name').primaryKey(),
  memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
  pricePerHour: numeric('price_per_hour', { precision: 12, scale: 4 }).notNull(),
  currency: text('currency').notNull(),
})

export const templates = pgTable(
  'templates',
  {
    uuid: uuid('uuid').primaryKey().defaultRandom(),
    /** Null for those of all teams. */
    teamUuid: uuid('team_uuid').references(() => teams.uuid),
    name: text('name').notNull(),
    type: text('type', { enum: ['gpu', 'cpu'] }).notNull(),
    image: text('image').notNull(),
    /** The image that was meant, where a stand-in is used. */
    standInFor: text('stand_in_for'),
    ports: integer('ports').array().notNull(),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
    command: jsonb('command').$type<string[]>(),
    env: jsonb('env').$type<Record<string, string>>().notNull().default({}),
    diskBytes: bigint('disk_bytes', { mode: 'number' }).notNull().default(0),
    volumes: jsonb('volumes').$type<Template['volumes']>().notNull().default([]),
    minGpuMemoryBytes: bigint('min_gpu_memory_bytes', { mode: 'number' }),
    /** Set when somebody has changed or deleted one that comes with GPULab, which is not made anew then. */
    changedAt: moment('changed_at'),
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    uniqueIndex('templates_shared_name')
      .on(table.name)
      .where(sql`team_uuid is null`),
    uniqueIndex('templates_own_name')
      .on(table.teamUuid, table.name)
      .where(sql`deleted_at is null`),
  ],
)
