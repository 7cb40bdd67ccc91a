import { type Account, api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'

export function accountRoutes(serve: Serve<Principal>): void {
  serve(api.account.get, async (_input, { principal }) => toAccount(principal))
}

const toAccount = (principal: Principal): Account => ({
  user: {
    uuid: principal.userUuid,
    email: principal.email,
    role: principal.role,
    administrator: principal.isAdministrator,
  },
  team: { uuid: principal.teamUuid, name: principal.teamName },
  api_key: {
    id: principal.keyId,
    name: principal.keyName,
    scopes: principal.scopes,
    expires_at: principal.expiresAt?.toISOString() ?? null,
  },
})
