import type { ApiKey } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import { printList } from '../output/list.ts'
import { listAll, type Page } from '../pages.ts'

export async function listApiKeys({ api, output, signal }: ApiContext): Promise<void> {
  printKeys(output, await listAll((page) => api.apiKeys.list({ query: page }, { signal })))
}

export async function listAllKeys(
  { api, output, signal }: ApiContext,
  owner: { user?: string; team?: string },
): Promise<void> {
  const list = (page: { limit: number; cursor?: string }): Promise<Page<ApiKey>> =>
    api.admin.keys.list({ query: { ...page, ...owner } }, { signal })
  printKeys(output, await listAll(list))
}

const printKeys = (output: ApiContext['output'], keys: readonly ApiKey[]): void =>
  printList(output, keys, {
    headings: ['ID', 'NAME', 'USER', 'SCOPES', 'STATUS', 'LAST USED', 'EXPIRES'],
    toRow: (key) => [
      key.id,
      escapeText(key.name),
      escapeText(key.user.email),
      key.scopes.join(','),
      key.status,
      key.last_used_at === null ? 'never' : formatTime(key.last_used_at),
      key.expires_at === null ? 'never' : formatTime(key.expires_at),
    ],
    toId: ({ id }) => id,
    ifNone: 'No API keys.',
  })
