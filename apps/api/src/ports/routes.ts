import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import { passFrames } from '@gpulab/transport'
import { audited } from '../audit/audited.ts'
import type { Principal } from '../auth/authenticate.ts'
import { getRunning } from '../containers/service.ts'
import type { Deps } from '../deps.ts'
import { createInFlight } from '../exec/in-flight.ts'
import { once } from '../idempotency/service.ts'
import { declarePorts, makeLink } from './declare-ports.ts'

/** Of one key at a time, on this replica. */
const connectionsMax = 256
/** A guest may have to be started first. */
const connectMs = 30_000

export function portRoutes(serve: Serve<Principal>, deps: Deps): void {
  const connections = createInFlight(connectionsMax, 'connections to ports')
  serve(api.ports.set, ({ params, body }, { principal }) => declarePorts(deps, principal, params.uuid, body))
  serve(api.ports.link, ({ params, body }, context) =>
    once(deps, api.ports.link, { params, body }, context, {
      run: async (remember) => {
        const link = await makeLink(deps, context.principal, params, body.ttl)
        await remember(deps.db, null)
        return link
      },
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    }),
  )
  serve(api.ports.connect, ({ params }, context, open) => {
    const { principal, signal } = context
    return connections.run(principal.keyId, async () => {
      const { row, host: placed } = await getRunning(deps, principal, params.uuid)
      const port = { params: { uuid: row.uuid, port: params.port } }
      const entry = {
        action: 'port.connect',
        containerUuid: row.uuid,
        detail: { port: params.port },
      } as const
      const host = await audited(deps, context, entry, () =>
        deps.uplinks.to(placed.uuid).ports.connect(port, { signal, timeoutMs: connectMs }),
      )
      try {
        const client = await open()
        // A client that has left hears nothing more.
        passFrames(client, host)
          .finally(() => host.destroy())
          .catch(() => {})
        await passFrames(host, client)
      } finally {
        host.destroy()
      }
    })
  })
}
