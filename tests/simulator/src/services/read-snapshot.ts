import { statusOf } from '../../../../apps/api/src/containers/status.ts'
import type { Database } from '../../../../apps/api/src/db/connect.ts'
import {
  containerFacts,
  containers,
  events,
  gpuLeases,
  gpus,
  hostEvents,
  hosts,
} from '../../../../apps/api/src/db/schema/index.ts'
import type { HostState, Snapshot } from '../control-plane.ts'
import { toContainerState } from '../model/create-model.ts'

/** What a database of apps/api says; other tests may look at theirs with it too. */
export async function readSnapshot(db: Database): Promise<Snapshot> {
  const rows = await db.select().from(containers).orderBy(containers.createdAt)
  const facts = new Map((await db.select().from(containerFacts)).map((row) => [row.containerUuid, row]))
  const leases = await db.select().from(gpuLeases).orderBy(gpuLeases.id)
  const told = await db.select().from(events).orderBy(events.id)
  const cards = await db.select().from(gpus)
  const happened = await db.select().from(hostEvents).orderBy(hostEvents.id)
  return {
    containers: rows.map((row) => {
      const known = facts.get(row.uuid)
      return toContainerState(row, known ?? null, statusOf(row, known))
    }),
    leases: leases.map((lease) => ({
      ...lease,
      leasedAt: lease.leasedAt.getTime(),
      releasedAt: lease.releasedAt?.getTime() ?? null,
    })),
    hosts: await readHosts(db),
    capacities: (await db.select().from(hosts)).map(({ uuid, memoryBytes }) => ({
      hostUuid: uuid,
      cards: cards.filter((card) => card.hostUuid === uuid && card.present),
      memoryBytes,
    })),
    events: told
      .filter(({ type }) => type === 'status')
      .map(({ containerUuid, at, status, reason }) => ({
        containerUuid,
        at: at.getTime(),
        status: status ?? '',
        reason,
      })),
    hostEvents: happened.map(({ hostUuid, at, type }) => ({ hostUuid, at: at.getTime(), type })),
  }
}

export const readHosts = async (db: Database): Promise<HostState[]> =>
  (await db.select().from(hosts).orderBy(hosts.name)).map(toHostState)

const toHostState = (row: typeof hosts.$inferSelect): HostState => ({
  ...row,
  lastSeenAt: row.lastSeenAt?.getTime() ?? null,
  foreign: row.foreignContainers.map((container) => container.uuid),
})
