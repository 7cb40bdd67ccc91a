import type { Team, User } from '@gpulab/contract'
import { type Kind, type Lookup, resolve } from '../resolve.ts'

const teamKind: Kind<Team> = {
  noun: 'team',
  notFound: 'team_not_found',
  listCommand: 'gpulab admin teams',
  namePattern: /^[\w.-]{1,63}$/,
  get: ({ api, signal }, uuid) => api.admin.teams.get({ params: { uuid } }, { signal }),
  list: ({ api, signal }, query) => api.admin.teams.list({ query }, { signal }),
  isLeaving: () => false,
}

const withName = (user: User) => ({ ...user, name: user.email })

/** Their addresses are their names. */
const userKind: Kind<User & { name: string }> = {
  noun: 'user',
  notFound: 'user_not_found',
  listCommand: 'gpulab admin users',
  namePattern: /^[^@\s]+@[^@\s]+$/,
  get: async ({ api, signal }, uuid) => withName(await api.admin.users.get({ params: { uuid } }, { signal })),
  list: async ({ api, signal }, { name, ...page }) => {
    const found = await api.admin.users.list(
      { query: { ...page, ...(name !== undefined && { email: name }) } },
      { signal },
    )
    return { ...found, items: found.items.map(withName) }
  },
  isLeaving: () => false,
}

export const resolveTeam = (lookup: Lookup, reference: string): Promise<Team> =>
  resolve(teamKind, lookup, reference)

export const resolveUser = (lookup: Lookup, reference: string): Promise<User> =>
  resolve(userKind, lookup, reference.includes('@') ? reference.toLowerCase() : reference)
