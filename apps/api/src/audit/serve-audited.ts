import { api, type Contract, type Endpoint, isBytesBody, listEndpoints } from '@gpulab/contract'
import type { Serve } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { audited } from './audited.ts'
import { redact } from './redact.ts'

/** Their services record them, with what only they know. */
const recordedInside: ReadonlySet<Endpoint> = new Set<Endpoint>([
  api.exec.run,
  api.sessions.create,
  api.sessions.signal,
  api.sessions.kill,
  api.terminals.create,
])

export const isRecorded = (endpoint: Endpoint): boolean =>
  endpoint.method !== 'GET' && !recordedInside.has(endpoint)

type Handle = (input: Record<string, unknown>, context: Parameters<typeof audited>[1]) => Promise<unknown>

/** Serves endpoints with a record of each call that changes something, by the contract's names. */
export function createServeAudited(
  serve: Serve<Principal>,
  deps: Pick<Deps, 'audit' | 'log'>,
  contract: Contract = api,
): Serve<Principal> {
  const names = new Map(listEndpoints(contract).map(({ name, endpoint }) => [endpoint, name]))
  return (endpoint, handle) => {
    if (!isRecorded(endpoint)) return serve(endpoint, handle)
    const action = names.get(endpoint) ?? endpoint.path
    const record: Handle = (input, context) => {
      const params = (input['params'] ?? {}) as Record<string, string>
      const [object] = Object.values(params)
      // What is streamed into a file is nobody's to keep; where it goes stands in the query.
      const isStreamed = endpoint.body !== undefined && isBytesBody(endpoint.body)
      const body = isStreamed ? undefined : (redact(input['body']) as object | undefined)
      const detail = { ...params, ...(redact(input['query']) as object | undefined), ...body }
      const isContainer = endpoint.path.startsWith('/v1/containers/:uuid')
      return audited(
        deps,
        context,
        {
          action,
          ...(object !== undefined && { object }),
          ...(isContainer && object !== undefined && { containerUuid: object }),
          detail,
        },
        () => (handle as unknown as Handle)(input, context),
        toOutcome,
      )
    }
    return serve(endpoint, record as unknown as typeof handle)
  }
}

/** With what was made, so that its record can be found. */
function toOutcome(result: unknown): Record<string, unknown> {
  const { uuid, id } = (result ?? {}) as { uuid?: string; id?: string | number }
  return { ok: true, ...(uuid !== undefined && { uuid }), ...(id !== undefined && { id }) }
}
