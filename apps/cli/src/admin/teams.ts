import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { listAll } from '../pages.ts'
import { resolveTeam } from './kinds.ts'

export async function listTeams({ api, output, signal }: ApiContext): Promise<void> {
  const teams = await listAll((page) => api.admin.teams.list({ query: page }, { signal }))
  printList(output, teams, {
    headings: ['NAME', 'UUID', 'USERS', 'PAYS'],
    toRow: ({ name, uuid, users, prepaid }) => [
      escapeText(name),
      uuid,
      String(users),
      prepaid ? 'beforehand' : 'afterwards',
    ],
    toId: ({ uuid }) => uuid,
    ifNone: 'No teams.',
  })
}

export async function updateTeam(
  context: ApiContext,
  reference: string,
  { prepaid }: { prepaid: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const { uuid } = await resolveTeam(context, reference)
  const team = await api.admin.teams.update({ params: { uuid }, body: { prepaid } }, { signal })
  const pays = team.prepaid ? 'pays beforehand, from credits' : 'is billed afterwards'
  printDone(output, `${escapeText(team.name)} ${pays}`, team, team.uuid)
}

export async function createTeam(
  { api, output, signal }: ApiContext,
  body: { name: string; prepaid: boolean },
): Promise<void> {
  const team = await api.admin.teams.create({ body }, { signal })
  printDone(output, `Made the team ${escapeText(team.name)}`, team, team.uuid)
}
