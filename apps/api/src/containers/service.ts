import { type Container, GpulabError, type Status, Uuid } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import type { Queries } from '../db/connect.ts'
import { decodeCursor, encodeCursor, toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { nextStepOf, stepContextOf } from './next-step.ts'
import { present, presentOne } from './present.ts'
import {
  type ContainerRecord,
  findByName,
  findContainer,
  type HostOfContainer,
  listContainers,
} from './store.ts'
import { shownStatus } from './view.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>

/** Of containers of which only some are wanted. */
const batchSize = 200

const notFound = (uuid: string): GpulabError =>
  new GpulabError('container_not_found', {
    message: `There is no container ${uuid}.`,
    hint: 'gpulab ls shows yours.',
  })

/** The team's container; another team's is as missing as one that never was. */
export async function getRecord(
  { db }: { db: Queries },
  principal: Pick<Principal, 'teamUuid'>,
  uuid: string,
  options?: { withEnv: boolean },
): Promise<ContainerRecord> {
  const record = await findContainer(db, principal.teamUuid, uuid, options)
  if (!record) throw notFound(uuid)
  return record
}

/** As above, of the one with this uuid or name. */
export async function getRecordOf(
  { db }: { db: Queries },
  principal: Pick<Principal, 'teamUuid'>,
  container: string,
): Promise<ContainerRecord> {
  if (Uuid.safeParse(container).success) return getRecord({ db }, principal, container)
  const record = await findByName(db, principal.teamUuid, container)
  if (!record) throw notFound(container)
  return record
}

type RunningRecord = ContainerRecord & { readonly host: HostOfContainer }

/** The container of a host that can be talked to: it runs, as far as is known. */
export const getRunning = async (
  deps: Pick<Deps, 'db' | 'clock'>,
  principal: Principal,
  uuid: string,
): Promise<RunningRecord> => requireRunning(deps, await getRecord(deps, principal, uuid))

export function requireRunning({ clock }: Pick<Deps, 'clock'>, record: ContainerRecord): RunningRecord {
  const { status, reason } = shownStatus(record, clock.now())
  const { host } = record
  if (status === 'running' && host) return { ...record, host }
  if (status === 'unreachable')
    throw new GpulabError('host_unreachable', { ...(reason && { message: reason.message }) })
  throw new GpulabError('container_not_running', {
    message: `Container ${record.row.name} is ${status}, not running.`,
    hint: nextStepOf(status, reason, stepContextOf(record)) ?? 'gpulab inspect tells more.',
    details: { status, ...(reason && { reason: reason.code }) },
  })
}

export async function showContainer(
  deps: Parts,
  principal: Principal,
  uuid: string,
  showEnv: boolean,
): Promise<Container> {
  return presentOne(deps, await getRecord(deps, principal, uuid, { withEnv: true }), { showEnv })
}

export async function pageContainers(
  deps: Parts,
  principal: Principal,
  query: { limit: number; cursor: string | undefined; name: string | undefined; status: Status | undefined },
) {
  const { limit, name, status } = query
  const now = deps.clock.now()
  const found: ContainerRecord[] = []
  let after = query.cursor === undefined ? undefined : decodeCursor(query.cursor)
  // The status follows from several rows and the clock, so it is filtered here and not by the database.
  const size = status === undefined ? limit + 1 : batchSize
  for (let more = true; more && found.length <= limit;) {
    const batch = await listContainers(deps.db, principal.teamUuid, { name, after, limit: size })
    found.push(
      ...batch.filter((record) => status === undefined || shownStatus(record, now).status === status),
    )
    const last = batch.at(-1)
    after = last && positionOf(last)
    more = batch.length === size
  }
  const page = toPage(found, limit, (record) => encodeCursor(positionOf(record)))
  return { ...page, items: await present(deps, page.items) }
}

const positionOf = ({ row }: ContainerRecord) => ({ at: row.createdAt, uuid: row.uuid })
