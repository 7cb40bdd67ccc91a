import type { HostCheck, HostVolumes } from '@gpulab/contract'
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { users } from './accounts.ts'
import { bytea, moment } from './columns.ts'
import { containers } from './containers.ts'

/** A container with our label on a host that it was not placed on. */
export interface ForeignContainer {
  readonly uuid: string
  readonly state: string
  /** Not kept by versions of before. */
  readonly generation?: number
}

export const hosts = pgTable(
  'hosts',
  {
    uuid: uuid('uuid').primaryKey().defaultRandom(),
    name: text('name').notNull(),
    /** Ed25519, raw 32 bytes: what its agent proves at every connect. */
    publicKey: bytea('public_key').notNull(),
    joinedAt: moment('joined_at').notNull(),
    /** Set when an operator has removed it; its name is free again. */
    removedAt: moment('removed_at'),
    /** What operators want of it. A fenced host gets no work until it is uncordoned. */
    state: text('state', { enum: ['active', 'cordoned', 'draining', 'fenced'] })
      .notNull()
      .default('active'),
    stateSince: moment('state_since').notNull(),
    /** How often its agents have proved their key. Each session has its number. */
    connects: bigint('connects', { mode: 'number' }).notNull().default(0),
    /** The session with which the run that counts said hello. */
    bootConnect: bigint('boot_connect', { mode: 'number' }).notNull().default(0),
    /** The run of the agent whose reports count, its last number, and that of its last whole report. */
    bootId: uuid('boot_id'),
    lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
    reportSeq: bigint('report_seq', { mode: 'number' }).notNull().default(0),
    /** The target version that the agent held when it made that report. */
    reportedVersion: bigint('reported_version', { mode: 'number' }).notNull().default(-1),
    lastSeenAt: moment('last_seen_at'),
    agentVersion: text('agent_version'),
    cpus: real('cpus').notNull().default(0),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull().default(0),
    diskBytes: bigint('disk_bytes', { mode: 'number' }).notNull().default(0),
    images: text('images').array().notNull().default([]),
    deployTimeoutS: integer('deploy_timeout_s').notNull().default(900),
    checks: jsonb('checks').$type<HostCheck[]>().notNull().default([]),
    volumes: jsonb('volumes').$type<HostVolumes[]>().notNull().default([]),
    foreignContainers: jsonb('foreign_containers').$type<ForeignContainer[]>().notNull().default([]),
    engineAvailable: boolean('engine_available').notNull().default(false),
    engineVersion: text('engine_version'),
    engineMessage: text('engine_message'),
    /** Grows with each change of what the host shall do. */
    targetVersion: bigint('target_version', { mode: 'number' }).notNull().default(0),
    /** Sums over its containers that may run, counted anew by whoever changes one of them. */
    requestedCpus: real('requested_cpus').notNull().default(0),
    requestedMemoryBytes: bigint('requested_memory_bytes', { mode: 'number' }).notNull().default(0),
    requestedDiskBytes: bigint('requested_disk_bytes', { mode: 'number' }).notNull().default(0),
    containersCount: integer('containers_count').notNull().default(0),
  },
  (table) => [
    uniqueIndex('hosts_name')
      .on(table.name)
      .where(sql`removed_at is null`),
  ],
)

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

/** Cards by host and type, counted anew by whoever changes a lease: what hosts are chosen by. */
export const hostGpuTypes = pgTable(
  'host_gpu_types',
  {
    hostUuid: uuid('host_uuid')
      .notNull()
      .references(() => hosts.uuid, { onDelete: 'cascade' }),
    gpuType: text('gpu_type').notNull(),
    total: integer('total').notNull(),
    free: integer('free').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.hostUuid, table.gpuType] }),
    index('host_gpu_types_by_free').on(table.gpuType, table.free),
  ],
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
    /** `rest`: proven by the host; `fence`: declared by an operator. */
    releasedBy: text('released_by', { enum: ['rest', 'fence'] }),
  },
  (table) => [
    // Whatever the code does, no card can be leased twice.
    uniqueIndex('gpu_leases_one_holder')
      .on(table.gpuUuid)
      .where(sql`released_at is null`),
    index('gpu_leases_by_container').on(table.containerUuid),
  ],
)

/** Tokens with which machines join. */
export const joinTokens = pgTable('join_tokens', {
  /** The public part of the token. */
  id: text('id').primaryKey(),
  /** HMAC-SHA-256 of the whole token under the server's pepper. */
  hash: bytea('hash').notNull(),
  hostName: text('host_name'),
  createdBy: uuid('created_by').references(() => users.uuid),
  createdAt: moment('created_at').notNull(),
  expiresAt: moment('expires_at').notNull(),
  usesLeft: integer('uses_left').notNull(),
})
