import { api, gateway, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import { audited } from '../audit/audited.ts'
import type { Principal } from '../auth/authenticate.ts'
import { getRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { createTerminal, openTerminal, renewTerminal } from './service.ts'

export function terminalRoutes(serve: Serve<Principal>, serveGateways: Serve<undefined>, deps: Deps): void {
  const { create } = api.terminals
  serve(create, ({ params }, context) =>
    once(deps, create, { params }, context, {
      run: async (remember) => {
        const { row } = await getRunning(deps, context.principal, params.uuid)
        const entry = { action: 'terminal.create', containerUuid: row.uuid, detail: {} }
        const made = await audited(deps, context, entry, () =>
          createTerminal(deps, context.principal, row.uuid),
        )
        await remember(deps.db, null)
        return made
      },
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    }),
  )
  serveGateways(gateway.openTerminal, ({ body }) => openTerminal(deps, body.uuid, body.ticket))
  serveGateways(gateway.renewTerminal, ({ body }) => renewTerminal(deps, body.uuid, body.pass))
}
