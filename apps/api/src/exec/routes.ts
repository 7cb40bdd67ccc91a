import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { createInFlight } from './in-flight.ts'
import { createRate } from './rate.ts'
import { execCommand } from './service.ts'

/** Of one key at a time; the output of each is held in memory until it ends. */
const commandsMax = 32
/** What a client may do for long, on this replica; a burst of so many may come at once. */
const keyPerSecond = 100
const userPerSecond = 200
const burst = 2000

export function execRoutes(serve: Serve<Principal>, deps: Deps): void {
  const now = (): number => performance.now()
  const ofKey = createRate({ perSecond: keyPerSecond, burst, now })
  const ofUser = createRate({ perSecond: userPerSecond, burst, now })
  const inFlight = createInFlight(commandsMax, 'commands')
  serve(api.exec.run, ({ params, body }, context) => {
    const { principal, signal } = context
    ofKey.take(principal.keyId)
    ofUser.take(principal.userUuid)
    return once(deps, api.exec.run, { params, body }, context, {
      run: (remember, forget) =>
        inFlight.run(principal.keyId, () =>
          execCommand(deps, context, params.uuid, body, { signal, remember, forget }),
        ),
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    })
  })
}
