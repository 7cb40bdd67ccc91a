import type { Endpoint } from './endpoint.ts'

/** What a key may be for. */
export const keyScopes = ['read', 'write', 'exec', 'admin'] as const
export type KeyScope = (typeof keyScopes)[number]

/** What a user is in its team; each may do what those after it may. */
export const roles = ['owner', 'member', 'viewer'] as const
export type Role = (typeof roles)[number]

/** What a caller has to show: its key the scope, its user the role, or that it is an administrator. */
export interface Requirement {
  readonly scope: Endpoint['scope']
  /** Undefined where the team does not matter. */
  readonly role: Role | undefined
  readonly isAdministrator: boolean
}

/** Who may call an endpoint, which follows from its definition alone. */
export function requirementOf({ scope, role }: Pick<Endpoint, 'scope' | 'role'>): Requirement {
  if (scope === 'public' || scope === 'host') return { scope, role: undefined, isAdministrator: false }
  if (scope === 'admin') return { scope, role: undefined, isAdministrator: true }
  return { scope, role: role ?? (scope === 'read' ? 'viewer' : 'member'), isAdministrator: false }
}

/** Whether one who has this role may do what needs that one. */
export const hasRole = (has: Role, needs: Role): boolean => roles.indexOf(has) <= roles.indexOf(needs)
