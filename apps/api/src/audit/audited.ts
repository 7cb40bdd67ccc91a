import { GpulabError } from '@gpulab/contract'
import type { Context } from '@gpulab/http'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import type { AuditLog } from './audit-log.ts'

/** Who asks. */
export type Asker = Pick<Context<Principal>, 'principal' | 'requestId'>

type EntryRow = Parameters<AuditLog['enter']>[0]

interface Entry {
  readonly action: string
  readonly containerUuid?: string
  readonly object?: string
  readonly detail: Record<string, unknown>
}

/**
 * Does `work`, of which there is exactly one record: who asked for it, stored before it begins; nothing is done that
 * could not be recorded. The outcome follows it, unless this process dies first.
 */
export async function audited<T>(
  { audit, log }: Pick<Deps, 'audit' | 'log'>,
  { principal, requestId }: Asker,
  { action, containerUuid, object, detail }: Entry,
  work: () => Promise<T>,
  toOutcome: (result: T) => Record<string, unknown> = () => ({ ok: true }),
  enter: (entry: EntryRow) => Promise<number> = audit.enter,
): Promise<T> {
  const { teamUuid, userUuid, keyId } = principal
  const entryId = await enter({
    teamUuid,
    userUuid,
    keyId,
    requestId,
    action,
    containerUuid,
    object: object ?? containerUuid ?? null,
    detail: JSON.stringify(detail),
  })
  const close = (outcome: Record<string, unknown>): void => {
    // Nobody waits for it.
    audit
      .close({ entryId, outcome: JSON.stringify(outcome) })
      .catch((err: unknown) => log.warn({ err, requestId, action, outcome }, 'an outcome was not recorded'))
  }
  try {
    const result = await work()
    close(toOutcome(result))
    return result
  } catch (error) {
    close({ error: error instanceof GpulabError ? error.code : 'internal' })
    throw error
  }
}
