import { type ApiKey, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { printDone } from '../output/list.ts'
import { listAll } from '../pages.ts'

/** By id, or by the name of the only one that has it and still works. */
export async function revokeApiKey(
  context: ApiContext,
  reference: string,
  { force, all }: { force: boolean; all: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Revoking an API key', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const calls = all ? api.admin.keys : api.apiKeys
  const keys = await listAll<ApiKey>((page) => calls.list({ query: page }, { signal }))
  const key = choose(reference, keys)
  await requireYes(context, deed, {
    question: `Revoke ${escapeText(key.name)} (${key.id}) of ${escapeText(key.user.email)}? What uses it stops working.`,
    refused: 'Nothing was revoked.',
  })
  await calls.revoke({ params: { id: key.id } }, { signal })
  printDone(
    output,
    `Revoked ${escapeText(key.name)} (${key.id})`,
    { id: key.id, name: key.name, revoked: true },
    key.id,
  )
}

function choose(reference: string, keys: readonly ApiKey[]): ApiKey {
  const byId = keys.find(({ id }) => id === reference)
  if (byId) return byId
  const named = keys.filter(({ name, status }) => name === reference && status !== 'revoked')
  const [only] = named
  if (only && named.length === 1) return only
  if (!only) {
    throw new GpulabError('api_key_not_found', {
      message: `There is no API key "${reference}".`,
      hint: 'gpulab api-keys lists them.',
    })
  }
  throw new GpulabError('reference_ambiguous', {
    message: `"${reference}" is the name of ${named.length} API keys: ${named.map(({ id }) => id).join(', ')}.`,
    hint: 'Give the id.',
    details: { candidates: named.map(({ id }) => id) },
  })
}
