import { GpulabError, type Role, type User } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import type { Principal } from '../auth/authenticate.ts'
import { isDuplicate } from '../db/errors.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import type { Remember } from '../idempotency/service.ts'
import { getTeam } from '../teams/service.ts'
import { findUser, insertUser, listUsers, updateUser, type UserRow } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

export async function getUser({ db }: Pick<Deps, 'db'>, uuid: string): Promise<User> {
  const row = await findUser(db, uuid)
  if (row) return toUser(row)
  throw new GpulabError('user_not_found', {
    message: `There is no user ${uuid}.`,
    hint: 'gpulab admin users lists them.',
  })
}

export async function pageUsers(
  { db }: Pick<Deps, 'db'>,
  query: {
    email?: string | undefined
    team?: string | undefined
    cursor?: string | undefined
    limit: number
  },
) {
  const { email, team: teamUuid, cursor: after, limit } = query
  const rows = await listUsers(db, { email, teamUuid, after, limit: limit + 1 })
  const page = toPage(rows, limit, (last) => last.email)
  return { ...page, items: page.items.map(toUser) }
}

export async function createUser(
  { db, clock }: Parts,
  input: { email: string; team_uuid: string; role: Role; administrator: boolean },
  remember: Remember,
): Promise<User> {
  const { email, role, administrator: isAdministrator } = input
  const { uuid: teamUuid } = await getTeam({ db }, input.team_uuid)
  const uuid = randomUUID()
  try {
    await db.transaction(async (tx) => {
      await insertUser(tx, { uuid, email, teamUuid, role, isAdministrator, createdAt: clock.now() })
      await remember(tx, uuid)
    })
  } catch (error) {
    if (!isDuplicate(error, 'users_email_key')) throw error
    throw new GpulabError('user_exists', {
      message: `There is a user ${email} already.`,
      hint: `gpulab admin users --email ${email} shows its team.`,
    })
  }
  return getUser({ db }, uuid)
}

interface UserChange {
  readonly role?: Role | undefined
  readonly administrator?: boolean | undefined
  readonly disabled?: boolean | undefined
}

export async function changeUser(
  { db, clock }: Parts,
  { userUuid }: Principal,
  uuid: string,
  { role, administrator, disabled }: UserChange,
): Promise<User> {
  const user = await getUser({ db }, uuid)
  if (uuid === userUuid && (administrator === false || disabled === true)) {
    throw new GpulabError('invalid_request', {
      message: 'You would lock yourself out.',
      hint: 'Have another administrator do it.',
    })
  }
  const disabledAt =
    disabled === undefined || disabled === user.disabled ? undefined : disabled ? clock.now() : null
  const values = {
    ...(role !== undefined && { role }),
    ...(administrator !== undefined && { isAdministrator: administrator }),
    ...(disabledAt !== undefined && { disabledAt }),
  }
  if (Object.keys(values).length > 0) await updateUser(db, uuid, values)
  return getUser({ db }, uuid)
}

const toUser = (row: UserRow): User => ({
  uuid: row.uuid,
  email: row.email,
  team: { uuid: row.teamUuid, name: row.teamName },
  role: row.role,
  administrator: row.isAdministrator,
  disabled: row.disabledAt !== null,
  created_at: row.createdAt.toISOString(),
})
