import type { Role, User } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { listAll } from '../pages.ts'
import { resolveTeam, resolveUser } from './kinds.ts'

export async function listUsers(
  context: ApiContext,
  { email, team }: { email: string | undefined; team: string | undefined },
): Promise<void> {
  const { api, output, signal } = context
  const teamUuid = team === undefined ? undefined : (await resolveTeam(context, team)).uuid
  const filter = { ...(email !== undefined && { email }), ...(teamUuid !== undefined && { team: teamUuid }) }
  const users = await listAll((page) => api.admin.users.list({ query: { ...page, ...filter } }, { signal }))
  printList(output, users, {
    headings: ['EMAIL', 'TEAM', 'ROLE', 'ADMIN', 'STATUS'],
    toRow: (user) => [
      escapeText(user.email),
      escapeText(user.team.name),
      user.role,
      user.administrator ? 'yes' : '-',
      user.disabled ? 'disabled' : 'active',
    ],
    toId: ({ uuid }) => uuid,
    ifNone: 'No users.',
  })
}

export async function createUser(
  context: ApiContext,
  { email, team, role, administrator }: { email: string; team: string; role: Role; administrator: boolean },
): Promise<void> {
  const { uuid } = await resolveTeam(context, team)
  const user = await context.api.admin.users.create(
    { body: { email, team_uuid: uuid, role, administrator } },
    { signal: context.signal },
  )
  printUser(context, user)
  context.output.note(`  A first key: gpulab admin keys create first --user ${escapeText(user.email)}`)
}

export interface UserChange {
  readonly role?: Role
  readonly administrator?: boolean
  readonly disabled?: boolean
}

export async function updateUser(context: ApiContext, reference: string, body: UserChange): Promise<void> {
  const { uuid } = await resolveUser(context, reference)
  printUser(
    context,
    await context.api.admin.users.update({ params: { uuid }, body }, { signal: context.signal }),
  )
}

function printUser({ output }: ApiContext, user: User): void {
  const also = `${user.administrator ? ', an administrator' : ''}${user.disabled ? ', disabled' : ''}`
  const role = user.role === 'owner' ? 'an owner' : `a ${user.role}`
  printDone(
    output,
    `${escapeText(user.email)} is ${role} of ${escapeText(user.team.name)}${also}`,
    user,
    user.uuid,
  )
}
