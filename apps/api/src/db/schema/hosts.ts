import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, pgTable, real, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'
import { containers } from './containers.ts'

export const hosts = pgTable('hosts', {
  uuid: uuid('uuid').primaryKey().defaultRandom(),
  name: text('name').notNull().unique(),
  /** The run of the agent whose reports count, and its last applied one. */
  bootId: uuid('boot_id').notNull(),
  lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
  lastSeenAt: moment('last_seen_at').notNull(),
  agentVersion: text('agent_version').notNull(),
  cpus: real('cpus').notNull(),
  memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
  engineAvailable: boolean('engine_available').notNull(),
  engineVersion: text('engine_version'),
  engineMessage: text('engine_message'),
  /** Grows with each change of what the host shall do. */
  targetVersion: bigint('target_version', { mode: 'number' }).notNull().default(0),
})

export const gpus = pgTable(
  'gpus',
  {
    uuid: text('uuid').primaryKey(),
    hostUuid: uuid('host_uuid')
      .notNull()
      .references(() => hosts.uuid),
    index: integer('index').notNull(),
    name: text('name').notNull(),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
    simulated: boolean('simulated').notNull(),
    /** False once the host no longer lists it. */
    present: boolean('present').notNull().default(true),
  },
  (table) => [index('gpus_by_host').on(table.hostUuid), index('gpus_by_name').on(table.name)],
)

export const gpuLeases = pgTable(
  'gpu_leases',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    gpuUuid: text('gpu_uuid')
      .notNull()
      .references(() => gpus.uuid),
    containerUuid: uuid('container_uuid')
      .notNull()
      .references(() => containers.uuid),
    generation: integer('generation').notNull(),
    leasedAt: moment('leased_at').notNull().defaultNow(),
    releasedAt: moment('released_at'),
  },
  (table) => [
    // Whatever the code does, no card can be leased twice.
    uniqueIndex('gpu_leases_one_holder')
      .on(table.gpuUuid)
      .where(sql`released_at is null`),
    index('gpu_leases_by_container').on(table.containerUuid),
  ],
)
