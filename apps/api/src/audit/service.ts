import { type AuditEntry, GpulabError } from '@gpulab/contract'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { type AuditFilter, type AuditRow, listAudit } from './store.ts'

const batchSize = 500

export async function pageAudit(
  { db }: Pick<Deps, 'db'>,
  { limit, cursor, ...filter }: AuditFilter & { limit: number; cursor?: string | undefined },
) {
  if (cursor !== undefined && !/^\d{1,15}$/.test(cursor)) {
    throw new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })
  }
  const before = cursor === undefined ? undefined : Number(cursor)
  const rows = await listAudit(db, filter, { before, limit: limit + 1 })
  const page = toPage(rows, limit, ({ entry }) => String(entry.id))
  return { ...page, items: page.items.map(toAuditEntry) }
}

/** All that there is when it is read, a batch at a time. */
export async function* exportAudit(
  { db }: Pick<Deps, 'db'>,
  filter: AuditFilter,
  signal: AbortSignal,
): AsyncGenerator<AuditEntry> {
  for (let after = 0; !signal.aborted;) {
    const rows = await listAudit(db, filter, { after, limit: batchSize })
    yield* rows.map(toAuditEntry)
    after = rows.at(-1)?.entry.id ?? after
    if (rows.length < batchSize) return
  }
}

const toAuditEntry = ({ entry, outcome: text, email }: AuditRow): AuditEntry => {
  const outcome =
    text === null ? null : (JSON.parse(text) as { readonly uuid?: string; readonly id?: unknown })
  return {
    id: entry.id,
    at: entry.at.toISOString(),
    team_uuid: entry.teamUuid,
    user_uuid: entry.userUuid,
    email,
    key_id: entry.keyId,
    request_id: entry.requestId,
    action: entry.action,
    object:
      entry.object ??
      entry.containerUuid ??
      outcome?.uuid ??
      (typeof outcome?.id === 'string' ? outcome.id : null),
    detail: JSON.parse(entry.detail) as unknown,
    outcome,
  }
}
