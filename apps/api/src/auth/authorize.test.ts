import { api, type KeyScope, keyScopes, listEndpoints, type Role, roles } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { authorize } from './authorize.ts'

const answer = (
  endpoint: Parameters<typeof authorize>[0],
  caller: { scopes: readonly KeyScope[]; role: Role; isAdministrator: boolean },
): string => {
  try {
    authorize(endpoint, { teamName: 'red', ...caller, scopes: [...caller.scopes] })
    return 'ok'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Written out once more by hand, so that a changed rule shows. */
const rules: readonly { scope: KeyScope; role?: Role; may: readonly (Role | 'administrator')[] }[] = [
  { scope: 'read', may: ['owner', 'member', 'viewer'] },
  { scope: 'write', may: ['owner', 'member'] },
  { scope: 'exec', may: ['owner', 'member'] },
  { scope: 'write', role: 'viewer', may: ['owner', 'member', 'viewer'] },
  { scope: 'write', role: 'owner', may: ['owner'] },
  { scope: 'read', role: 'owner', may: ['owner'] },
  { scope: 'admin', may: ['administrator'] },
]

describe.each(rules)('scope $scope, role $role', ({ may, ...endpoint }) => {
  it.each(roles)('for a %s', (role) => {
    const wanted = (may as readonly string[]).includes(role) ? 'ok' : 'role_missing'
    expect(answer(endpoint, { scopes: keyScopes, role, isAdministrator: false })).toBe(wanted)
  })

  it('for an administrator, whose team counts for what is of teams', () => {
    const wanted = may.includes('administrator') || may.includes('viewer') ? 'ok' : 'role_missing'
    expect(answer(endpoint, { scopes: keyScopes, role: 'viewer', isAdministrator: true })).toBe(wanted)
  })

  it('for a key with all other scopes', () => {
    const scopes = keyScopes.filter((scope) => scope !== endpoint.scope)
    expect(answer(endpoint, { scopes, role: 'owner', isAdministrator: true })).toBe('scope_missing')
  })
})

it('what is for administrators has the scope for it', () => {
  for (const { name, endpoint } of listEndpoints(api)) {
    if (endpoint.path.startsWith('/v1/admin/')) expect(endpoint.scope, name).toBe('admin')
    if (name.startsWith('admin.')) expect(endpoint.path).toMatch(/^\/v1\/admin\//)
  }
})
