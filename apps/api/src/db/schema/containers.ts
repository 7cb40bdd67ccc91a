import type { ExitReason, RestartPolicy } from '@gpulab/contract'
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  real,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { teams, users } from './accounts.ts'
import { bytea, moment } from './columns.ts'
import { hosts } from './hosts.ts'

/** Intent: what users and operators want, and the control plane's verdicts on it. Never written by a host's word alone. */
export const containers = pgTable(
  'containers',
  {
    uuid: uuid('uuid').primaryKey(),
    teamUuid: uuid('team_uuid')
      .notNull()
      .references(() => teams.uuid),
    createdBy: uuid('created_by')
      .notNull()
      .references(() => users.uuid),
    name: text('name').notNull(),
    template: text('template'),
    image: text('image').notNull(),
    standInFor: text('stand_in_for'),
    command: jsonb('command').$type<string[]>(),
    /** Encrypted; see secrets/encryption.ts. */
    env: bytea('env').notNull(),
    /** Of its variables, those whose values are never shown again. */
    secretKeys: text('secret_keys').array().notNull().default([]),
    ports: integer('ports').array().notNull(),
    /** Those of them that need a key or a link. */
    privatePorts: integer('private_ports').array().notNull().default([]),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
    cpus: real('cpus'),
    diskBytes: bigint('disk_bytes', { mode: 'number' }).notNull().default(0),
    /** Acceptable types in the order of preference; empty for none. */
    gpuTypes: text('gpu_types').array().notNull().default([]),
    /** The one that was leased; null before that. */
    gpuType: text('gpu_type'),
    gpuCount: integer('gpu_count').notNull(),
    /** The host of its local volumes, where alone it can run. */
    pinnedTo: uuid('pinned_to').references(() => hosts.uuid),
    /** Of which kinds its volumes are; empty for none. */
    volumeDrivers: text('volume_drivers').array().notNull().default([]),
    restart: jsonb('restart').$type<RestartPolicy>().notNull(),
    /** Null while it waits in line. */
    hostUuid: uuid('host_uuid').references(() => hosts.uuid),
    /** When it got in line; null once it is placed or given up. */
    queuedAt: moment('queued_at'),
    /** How many held it up when it was last looked at; null when it was tried. */
    queueAhead: integer('queue_ahead'),
    /** What was missing when it was last tried. */
    queueReason: text('queue_reason'),
    /** Whether its share of the host (cards, memory, CPUs) is its own: from its placement until it is proven at rest. */
    holds: boolean('holds').notNull().default(false),
    desired: text('desired', { enum: ['running', 'stopped', 'deleted'] }).notNull(),
    generation: integer('generation').notNull().default(1),
    /** The older generation whose files this one goes on with; null for the image's own. */
    baseGeneration: integer('base_generation'),
    /** The engine's StartedAt of the run that a new run shall follow; null for the first. */
    startAfter: text('start_after'),
    /** Grows with each wish for a run, so that a failure is known to belong to it. */
    attempt: integer('attempt').notNull().default(1),
    /** When the newest wish has to have come true; whoever sweeps gives it up then. */
    deadlineAt: moment('deadline_at'),
    /** The control plane's own verdict on an attempt, which no report changes: out of time, fenced, drained. */
    verdictAttempt: integer('verdict_attempt'),
    verdictCode: text('verdict_code'),
    verdictMessage: text('verdict_message'),
    /** The host's target version that carries the newest intent. */
    targetVersion: bigint('target_version', { mode: 'number' }).notNull().default(0),
    createdAt: moment('created_at').notNull(),
    /** The status that was last announced as an event, and when. */
    announcedStatus: text('announced_status').notNull(),
    announcedReason: text('announced_reason'),
    announcedAt: moment('announced_at').notNull(),
    /** Set when the host has confirmed that it is gone. */
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    uniqueIndex('containers_name')
      .on(table.teamUuid, table.name)
      .where(sql`desired <> 'deleted'`),
    index('containers_by_team').on(table.teamUuid, table.createdAt),
    index('containers_by_host')
      .on(table.hostUuid)
      .where(sql`deleted_at is null`),
    index('containers_by_deadline')
      .on(table.deadlineAt)
      .where(sql`deadline_at is not null and deleted_at is null`),
    index('containers_in_line')
      .on(table.queuedAt)
      .where(sql`queued_at is not null`),
  ],
)

/** Facts: what the host has last reported. Written by reports only. */
export const containerFacts = pgTable('container_facts', {
  containerUuid: uuid('container_uuid')
    .primaryKey()
    .references(() => containers.uuid),
  generation: integer('generation').notNull(),
  state: text('state', { enum: ['absent', 'pulling', 'created', 'running', 'exited'] }).notNull(),
  busy: boolean('busy').notNull(),
  startedAt: text('started_at'),
  finishedAt: text('finished_at'),
  exitCode: integer('exit_code'),
  oomKilled: boolean('oom_killed').notNull(),
  /** How the last run ended, also while it runs again. */
  lastExit: jsonb('last_exit').$type<ExitReason>(),
  restarts: integer('restarts').notNull().default(0),
  failureAttempt: integer('failure_attempt'),
  failureCode: text('failure_code'),
  failureMessage: text('failure_message'),
  observedAt: moment('observed_at').notNull(),
})
