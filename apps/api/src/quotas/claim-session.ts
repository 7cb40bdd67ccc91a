import { GpulabError } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { findContainer } from '../containers/store.ts'
import type { Deps } from '../deps.ts'
import { requireWithin } from './service.ts'
import {
  deleteClaims,
  findQuota,
  insertClaim,
  listClaims,
  type ListedClaim,
  lockQuota,
  type SessionClaim,
} from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock' | 'uplinks'>

const lookMs = 5000
/** Longer than it takes to make one. */
const makingMs = 120_000

/** Whether the team may have so many sessions at a time only. */
export async function hasSessionLimit(
  { db }: Pick<Deps, 'db'>,
  { teamUuid }: Pick<Principal, 'teamUuid'>,
): Promise<boolean> {
  return (await findQuota(db, teamUuid))?.sessions != null
}

/**
 * Notes that a session is about to be made, of a team that may have so many at a time only; gives what takes that back.
 * Sessions live on hosts and end there unheard, so when the quota seems used up the hosts are asked which still live.
 */
export async function claimSession(
  deps: Parts,
  { teamUuid }: Pick<Principal, 'teamUuid'>,
  claim: SessionClaim,
  isLimited: boolean,
): Promise<() => Promise<void>> {
  if (!isLimited) return async () => {}
  try {
    await insertWithin(deps, teamUuid, claim)
  } catch (error) {
    if (!(error instanceof GpulabError) || error.code !== 'quota_exceeded') throw error
    await forgetEnded(deps, teamUuid)
    await insertWithin(deps, teamUuid, claim)
  }
  return () => deleteClaims(deps.db, [claim.id])
}

const insertWithin = ({ db, clock }: Parts, teamUuid: string, claim: SessionClaim): Promise<void> =>
  db.transaction(async (tx) => {
    const quota = await lockQuota(tx, teamUuid)
    const claims = await listClaims(tx, teamUuid)
    // A terminal that is opened again is the session that it was.
    if (claims.some(({ id }) => id === claim.id)) return
    if (quota) requireWithin(quota, 'sessions', { used: claims.length, wanted: 1 })
    await insertClaim(tx, { ...claim, teamUuid, claimedAt: clock.now() })
  })

async function forgetEnded(deps: Parts, teamUuid: string): Promise<void> {
  const claims = await listClaims(deps.db, teamUuid)
  const oldest = new Date(deps.clock.now().getTime() - makingMs)
  const byContainer = Map.groupBy(claims, ({ containerUuid }) => containerUuid)
  const ended = await Promise.all(
    [...byContainer].map(async ([uuid, claimed]) => {
      const sessions = await listStates(deps, teamUuid, uuid)
      return claimed.filter((claim) => sessions && hasEnded(claim, sessions.get(claim.id), oldest))
    }),
  )
  await deleteClaims(
    deps.db,
    ended.flat().map(({ id }) => id),
  )
}

/** One that its host does not know has ended long ago, or is about to begin. */
const hasEnded = ({ claimedAt }: ListedClaim, state: string | undefined, oldest: Date): boolean =>
  state === undefined ? claimedAt < oldest : state === 'ended'

/** What a container's host says of its sessions; undefined where it does not say anything. */
async function listStates(
  { db, uplinks }: Parts,
  teamUuid: string,
  uuid: string,
): Promise<Map<string, string> | undefined> {
  const record = await findContainer(db, teamUuid, uuid)
  if (!record?.host) return undefined
  try {
    const host = uplinks.to(record.host.uuid)
    const { items } = await host.sessions.list({ params: { uuid } }, { timeoutMs: lookMs })
    return new Map(items.map(({ id, state }) => [id, state]))
  } catch (error) {
    if (error instanceof GpulabError) return undefined
    throw error
  }
}
