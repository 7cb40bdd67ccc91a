import { api } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { createInFlight } from '../exec/in-flight.ts'
import { once } from '../idempotency/service.ts'
import { attachToSession } from './attach.ts'
import { openSession } from './open.ts'
import {
  createSession,
  killSession,
  listSessions,
  readSessionOutput,
  replaySession,
  showSession,
  signalSession,
} from './service.ts'

/** Of one key at a time, and of one team, on this replica. */
const attachmentsMax = 128
const teamAttachmentsMax = 512
/** As above; each holds a request open. */
const waitsMax = 128

export function sessionRoutes(serve: Serve<Principal>, deps: Deps): void {
  const { sessions } = api
  const attachments = createInFlight(attachmentsMax, 'attached sessions')
  const teamAttachments = createInFlight(teamAttachmentsMax, 'attached sessions', 'team')
  const attached = ({ teamUuid, keyId }: Principal, work: () => Promise<void>): Promise<void> =>
    teamAttachments.run(teamUuid, () => attachments.run(keyId, work))
  const waits = createInFlight(waitsMax, 'waits for sessions')
  serve(sessions.create, ({ params, body }, context) =>
    once(deps, sessions.create, { params, body }, context, {
      run: (_remember, _forget, rememberWith) =>
        createSession(deps, context, params.uuid, body, { ...context, rememberWith }),
      replay: (id) => replaySession(deps, context.principal, { ...params, id }),
      isRarelyRepeated: true,
    }),
  )
  serve(sessions.open, ({ params }, context, open) =>
    attached(context.principal, () => openSession(deps, context, params.container, open)),
  )
  serve(sessions.list, ({ params }, { principal, signal }) =>
    listSessions(deps, principal, params.uuid, signal),
  )
  serve(sessions.get, ({ params, query: { wait } }, { principal, signal }) => {
    const show = () => showSession(deps, principal, params, { wait, signal })
    return wait > 0 ? waits.run(principal.keyId, show) : show()
  })
  serve(sessions.signal, ({ params, body }, context) =>
    once(deps, sessions.signal, { params, body }, context, {
      run: (remember) => signalSession(deps, context, params, body.signal, { ...context, remember }),
      replay: (id) => replaySession(deps, context.principal, { ...params, id }),
    }),
  )
  serve(sessions.kill, ({ params }, context) => killSession(deps, context, params, context.signal))
  serve(sessions.output, ({ params, query }, { principal, signal }) =>
    readSessionOutput(deps, principal, params, query, signal),
  )
  serve(sessions.attach, ({ params, query }, { principal, signal }, open) =>
    attached(principal, () => attachToSession(deps, principal, params, query, { open, signal })),
  )
}
