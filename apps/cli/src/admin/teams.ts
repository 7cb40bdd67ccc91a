import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { printDone, printList } from '../output/list.ts'
import { listAll } from '../pages.ts'

export async function listTeams({ api, output, signal }: ApiContext): Promise<void> {
  const teams = await listAll((page) => api.admin.teams.list({ query: page }, { signal }))
  printList(output, teams, {
    headings: ['NAME', 'UUID', 'USERS'],
    toRow: ({ name, uuid, users }) => [escapeText(name), uuid, String(users)],
    toId: ({ uuid }) => uuid,
    ifNone: 'No teams.',
  })
}

export async function createTeam({ api, output, signal }: ApiContext, name: string): Promise<void> {
  const team = await api.admin.teams.create({ body: { name } }, { signal })
  printDone(output, `Made the team ${escapeText(team.name)}`, team, team.uuid)
}
