import { type Endpoint, GpulabError, hasRole, requirementOf } from '@gpulab/contract'
import type { Principal } from './authenticate.ts'

/** Throws unless the endpoint's definition lets this principal call it. Nothing else decides who may call what. */
export function authorize(
  endpoint: Pick<Endpoint, 'scope' | 'role'>,
  {
    scopes,
    role,
    isAdministrator,
    teamName,
  }: Pick<Principal, 'scopes' | 'role' | 'isAdministrator' | 'teamName'>,
): void {
  const needs = requirementOf(endpoint)
  if (!scopes.includes(needs.scope)) {
    throw new GpulabError('scope_missing', {
      message: `The API key lacks the scope "${needs.scope}".`,
      hint: 'Use a key that has it: gpulab api-keys create makes one, if you have a key that may.',
      details: { scope: needs.scope, scopes },
    })
  }
  if (needs.isAdministrator && !isAdministrator) {
    throw new GpulabError('role_missing', {
      message: 'Only administrators may do this.',
      hint: 'Ask one of the platform team.',
      details: { role: 'administrator' },
    })
  }
  if (needs.role !== undefined && !hasRole(role, needs.role)) {
    throw new GpulabError('role_missing', {
      message: `You are a ${role} of team ${teamName}; this needs ${needs.role === 'owner' ? 'an owner' : `a ${needs.role}`}.`,
      hint: 'Ask your administrator for that role.',
      details: { role: needs.role, has: role },
    })
  }
}
