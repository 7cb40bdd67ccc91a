import { api, control, GpulabError } from '@gpulab/contract'
import { createServe, type Serve, type Server } from '@gpulab/http'
import type { Principal } from '../../auth/authenticate.ts'
import type { Deps } from '../../deps.ts'
import { once } from '../../idempotency/service.ts'
import { createFailureMask } from './failure-mask.ts'
import { inviteHost } from './invite.ts'
import { connectHost, joinHost } from './join.ts'
import { createChallenge } from './session.ts'
import { createSpentChallenges } from './spent-challenges.ts'

/** Where machines become hosts, and hosts prove who they are: before that they are nobody. */
export function joinRoutes(app: Server, deps: Deps): void {
  const serve = createServe(app, ({ ip }) => Promise.resolve({ address: ip }))
  const proofs = { ...deps, spent: createSpentChallenges(deps.clock) }
  const mask = createFailureMask(deps.clock)
  const orMasked = (address: string) => (failure: unknown) => {
    throw failure instanceof GpulabError && failure.status === 401 ? mask.toAnswer(address, failure) : failure
  }

  serve(control.join.challenge, () =>
    Promise.resolve({ challenge: createChallenge(deps.config.pepper, deps.clock.now()) }),
  )
  serve(control.join.join, async ({ body }, { principal, log }) => {
    const joined = await joinHost(proofs, body).catch(orMasked(principal.address))
    log.info({ host: joined.name, uuid: joined.host_uuid, address: principal.address }, 'host joined')
    return joined
  })
  serve(control.join.connect, ({ body }, { principal }) =>
    connectHost(proofs, body).catch(orMasked(principal.address)),
  )
}

export function inviteRoutes(serve: Serve<Principal>, deps: Deps): void {
  serve(api.hosts.invite, ({ body }, context) =>
    once(deps, api.hosts.invite, { body }, context, {
      run: (remember) =>
        inviteHost(
          deps,
          {
            hostName: body.host_name,
            ttlSeconds: body.ttl,
            uses: body.uses,
            createdBy: context.principal.userUuid,
          },
          remember,
        ),
      replay: () => Promise.reject(new GpulabError('idempotency_replayed')),
    }),
  )
}
