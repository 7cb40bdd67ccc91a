import { api, GpulabError } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import { getRunning } from '../containers/service.ts'
import { createShareNext } from '../db/share-next.ts'
import type { Deps } from '../deps.ts'
import { once } from '../idempotency/service.ts'
import { createInFlight } from './in-flight.ts'
import { execCommand } from './service.ts'

/** Of one key at a time; the output of each is held in memory until it ends. */
const commandsMax = 32

export function execRoutes(serve: Serve<Principal>, deps: Deps): void {
  const inFlight = createInFlight(commandsMax, 'commands')
  const share = createShareNext<Awaited<ReturnType<typeof getRunning>>>()
  const find = (principal: Principal, uuid: string) =>
    share(`${principal.teamUuid} ${uuid}`, () => getRunning(deps, principal, uuid))
  serve(api.exec.run, ({ params, body }, context) => {
    const { principal, signal } = context
    return once(deps, api.exec.run, { params, body }, context, {
      run: (remember, forget) =>
        inFlight.run(principal.keyId, () =>
          execCommand(deps, context, body, {
            running: find(principal, params.uuid),
            signal,
            remember,
            forget,
          }),
        ),
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    })
  })
}
