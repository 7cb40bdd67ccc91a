import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { exportAudit, pageAudit } from './service.ts'

export function auditRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { audit } = api.admin
  serve(audit.list, ({ query }) => pageAudit(deps, query))
  serve(audit.export, async ({ query }, { signal }) => exportAudit(deps, query, signal))
}
