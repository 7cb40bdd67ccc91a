import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { createInFlight } from './in-flight.ts'
import { execCommand } from './service.ts'

/** Of one key at a time; the output of each is held in memory until it ends. */
const commandsMax = 32

export function execRoutes(serve: Serve<Principal>, deps: Deps): void {
  const inFlight = createInFlight(commandsMax, 'commands')
  serve(api.exec.run, ({ params, body }, context) => {
    const { principal, signal } = context
    return once(deps, api.exec.run, { params, body }, context, {
      run: (remember, forget) =>
        inFlight.run(principal.keyId, () =>
          execCommand(deps, context, params.uuid, body, { signal, remember, forget }),
        ),
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    })
  })
}
