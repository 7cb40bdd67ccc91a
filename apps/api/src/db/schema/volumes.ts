import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { teams, users } from './accounts.ts'
import { moment } from './columns.ts'
import { containers } from './containers.ts'
import { hosts } from './hosts.ts'

/** Intent, and the control plane's verdicts on it. */
export const volumes = pgTable(
  'volumes',
  {
    uuid: uuid('uuid').primaryKey().defaultRandom(),
    teamUuid: uuid('team_uuid')
      .notNull()
      .references(() => teams.uuid),
    createdBy: uuid('created_by')
      .notNull()
      .references(() => users.uuid),
    name: text('name').notNull(),
    driver: text('driver', { enum: ['local', 'moosefs', 'nfs'] }).notNull(),
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    /** The last size that came true; null until it is there. */
    madeSizeBytes: bigint('made_size_bytes', { mode: 'number' }),
    /** Grows with each wish for a size. */
    generation: integer('generation').notNull().default(1),
    /** Where a local volume is; of others, which host makes and sizes it. */
    hostUuid: uuid('host_uuid')
      .notNull()
      .references(() => hosts.uuid),
    desired: text('desired', { enum: ['present', 'deleted'] })
      .notNull()
      .default('present'),
    /** Why a wish did not come true, and which. */
    failureGeneration: integer('failure_generation'),
    failureCode: text('failure_code'),
    failureMessage: text('failure_message'),
    createdAt: moment('created_at').notNull(),
    /** Set when its host has confirmed that it is gone. */
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    uniqueIndex('volumes_name')
      .on(table.teamUuid, table.name)
      .where(sql`desired <> 'deleted'`),
    index('volumes_by_team').on(table.teamUuid, table.createdAt),
    index('volumes_by_host')
      .on(table.hostUuid)
      .where(sql`deleted_at is null`),
  ],
)

/** Facts: what the host has last reported. Written by reports only. */
export const volumeFacts = pgTable('volume_facts', {
  volumeUuid: uuid('volume_uuid')
    .primaryKey()
    .references(() => volumes.uuid),
  state: text('state', { enum: ['absent', 'pending', 'ready', 'degraded'] }).notNull(),
  generation: integer('generation').notNull(),
  usedBytes: bigint('used_bytes', { mode: 'number' }),
  enforced: boolean('enforced').notNull(),
  problem: text('problem'),
  failureCode: text('failure_code'),
  observedAt: moment('observed_at').notNull(),
})

/** Which volumes a container was made with; kept as long as its row. */
export const containerVolumes = pgTable(
  'container_volumes',
  {
    containerUuid: uuid('container_uuid')
      .notNull()
      .references(() => containers.uuid),
    volumeUuid: uuid('volume_uuid')
      .notNull()
      .references(() => volumes.uuid),
    mountPath: text('mount_path').notNull(),
    readOnly: boolean('read_only').notNull(),
    /** In the order in which they were asked for. */
    position: integer('position').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.containerUuid, table.mountPath] }),
    index('container_volumes_by_volume').on(table.volumeUuid),
  ],
)
