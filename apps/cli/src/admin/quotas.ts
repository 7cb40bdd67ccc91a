import { GpulabError, type Quotas } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { printList } from '../output/list.ts'
import { formatSize, gibibyte, parseSize } from '../output/size.ts'
import { listAll } from '../pages.ts'
import { resolveTeam } from './kinds.ts'

const limitLabel = (limit: number | null): string => (limit === null ? '-' : String(limit))

/** All teams', or one's. */
export async function showQuotas(context: ApiContext, reference: string | undefined): Promise<void> {
  const { api, output, signal } = context
  const teams =
    reference === undefined
      ? await listAll((page) => api.admin.teams.list({ query: page }, { signal }))
      : [await resolveTeam(context, reference)]
  printList(output, teams, {
    headings: ['TEAM', 'GPUS', 'CONTAINERS', 'VOLUMES', 'VOLUME SIZE', 'SESSIONS'],
    toRow: ({ name, quotas }) => [
      escapeText(name),
      limitLabel(quotas.gpus),
      limitLabel(quotas.containers),
      limitLabel(quotas.volumes),
      quotas.volume_bytes === null ? '-' : formatSize(quotas.volume_bytes),
      limitLabel(quotas.sessions),
    ],
    toId: ({ uuid }) => uuid,
    ifNone: 'No teams.',
  })
}

export async function setQuotas(
  context: ApiContext,
  reference: string,
  body: Partial<Quotas>,
): Promise<void> {
  const { uuid } = await resolveTeam(context, reference)
  await context.api.admin.teams.setQuotas({ params: { uuid }, body }, { signal: context.signal })
  await showQuotas(context, uuid)
}

/** `none` lifts a limit. */
export function parseLimit(text: string, isSize = false): number | null {
  if (text === 'none') return null
  if (text === '0') return 0
  if (isSize) return parseSize(text, gibibyte)
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a limit.`,
    hint: 'Write a number, or none.',
  })
}
