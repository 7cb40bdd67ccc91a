import type { AuditEntry } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { printList } from '../output/list.ts'
import { write } from '../output/write.ts'

export interface AuditInput {
  readonly filter: Readonly<Record<string, string>>
  readonly limit: number
}

const limitMax = 200

/** The newest, the newest first. */
export async function listAudit({ api, output, signal }: ApiContext, input: AuditInput): Promise<void> {
  const entries: AuditEntry[] = []
  for (let cursor: string | null | undefined; cursor !== null && entries.length < input.limit;) {
    const limit = Math.min(limitMax, input.limit - entries.length)
    const query = { ...input.filter, limit, ...(cursor !== undefined && { cursor }) }
    const page = await api.admin.audit.list({ query }, { signal })
    entries.push(...page.items)
    cursor = page.next_cursor
  }
  printList(output, entries, {
    headings: ['WHEN', 'USER', 'KEY', 'ACTION', 'OBJECT', 'OUTCOME'],
    toRow: (entry) => [
      formatTime(entry.at),
      escapeText(entry.email ?? entry.user_uuid),
      escapeText(entry.key_id),
      escapeText(entry.action),
      escapeText(entry.object ?? '-'),
      outcomeLabel(entry.outcome),
    ],
    toId: ({ id }) => String(id),
    ifNone: 'Nothing of that is on record.',
  })
}

/** All of it, the oldest first, an object a line, whatever the output mode. */
export async function exportAudit(
  { api, signal }: ApiContext,
  { filter }: Pick<AuditInput, 'filter'>,
): Promise<void> {
  for await (const entry of await api.admin.audit.export({ query: filter }, { signal })) {
    await write(process.stdout, `${JSON.stringify(entry)}\n`)
  }
}

function outcomeLabel(outcome: unknown): string {
  if (typeof outcome !== 'object' || outcome === null) return '?'
  const { error, exit_code: code } = outcome as { error?: string; exit_code?: number }
  if (error !== undefined) return escapeText(error)
  return code === undefined ? 'ok' : `exit ${code}`
}
