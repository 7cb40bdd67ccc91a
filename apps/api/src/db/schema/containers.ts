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

/** Intent: what users want. Written by requests only. */
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
    ports: integer('ports').array().notNull(),
    memoryBytes: bigint('memory_bytes', { mode: 'number' }).notNull(),
    cpus: real('cpus'),
    gpuType: text('gpu_type'),
    gpuCount: integer('gpu_count').notNull(),
    hostUuid: uuid('host_uuid')
      .notNull()
      .references(() => hosts.uuid),
    desired: text('desired', { enum: ['running', 'stopped', 'deleted'] }).notNull(),
    generation: integer('generation').notNull().default(1),
    /** The engine's StartedAt of the run that a new run shall follow; null for the first. */
    startAfter: text('start_after'),
    /** Grows with each wish for a run, so that a failure is known to belong to it. */
    attempt: integer('attempt').notNull().default(1),
    /** The host's target version that carries the newest intent. */
    targetVersion: bigint('target_version', { mode: 'number' }).notNull(),
    createdAt: moment('created_at').notNull(),
    /** The status that was last announced as an event, and when. */
    announcedStatus: text('announced_status').notNull(),
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
  failureAttempt: integer('failure_attempt'),
  failureCode: text('failure_code'),
  failureMessage: text('failure_message'),
  /** The target that the host held when it looked. */
  targetVersion: bigint('target_version', { mode: 'number' }).notNull(),
  observedAt: moment('observed_at').notNull(),
})
