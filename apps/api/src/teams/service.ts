import { GpulabError, type Team } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { isDuplicate } from '../db/errors.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { changeQuota, noQuota, type QuotaChange, toQuotas } from '../quotas/service.ts'
import { findTeam, insertTeam, listTeams, type TeamRow, updateTeam } from './store.ts'

export async function getTeam({ db }: Pick<Deps, 'db'>, uuid: string): Promise<Team> {
  const row = await findTeam(db, uuid)
  if (row) return toTeam(row)
  throw new GpulabError('team_not_found', {
    message: `There is no team ${uuid}.`,
    hint: 'gpulab admin teams lists them.',
  })
}

export async function pageTeams(
  { db }: Pick<Deps, 'db'>,
  { name, cursor: after, limit }: { name?: string | undefined; cursor?: string | undefined; limit: number },
) {
  const page = toPage(await listTeams(db, { name, after, limit: limit + 1 }), limit, (last) => last.name)
  return { ...page, items: page.items.map(toTeam) }
}

export async function createTeam(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  { name, prepaid }: { name: string; prepaid: boolean },
  remember: Remember,
): Promise<Team> {
  const uuid = randomUUID()
  try {
    await db.transaction(async (tx) => {
      await insertTeam(tx, { uuid, name, prepaid, createdAt: clock.now() })
      await remember(tx, uuid)
    })
  } catch (error) {
    if (!isDuplicate(error, 'teams_name_key')) throw error
    throw new GpulabError('team_name_taken', {
      message: `There is a team named ${name} already.`,
      hint: 'Choose another name.',
    })
  }
  return getTeam({ db }, uuid)
}

/** What was noted of a balance that was used up goes with the next look at the accounts. */
export async function changeTeam(
  { db }: Pick<Deps, 'db'>,
  uuid: string,
  { prepaid }: { prepaid: boolean },
): Promise<Team> {
  await getTeam({ db }, uuid)
  await updateTeam(db, uuid, { prepaid })
  return getTeam({ db }, uuid)
}

export async function setQuotas({ db }: Pick<Deps, 'db'>, uuid: string, quotas: QuotaChange): Promise<Team> {
  await getTeam({ db }, uuid)
  await changeQuota(db, uuid, quotas)
  return getTeam({ db }, uuid)
}

const toTeam = ({ uuid, name, users, quotas, prepaid, createdAt }: TeamRow): Team => ({
  uuid,
  name,
  users,
  quotas: toQuotas(quotas ?? noQuota),
  prepaid,
  created_at: createdAt.toISOString(),
})
