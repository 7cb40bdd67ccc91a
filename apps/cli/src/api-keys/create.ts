import { GpulabError, type KeyScope, keyScopes, type NewApiKey } from '@gpulab/contract'
import { resolveUser } from '../admin/kinds.ts'
import type { ApiContext } from '../context.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'

export interface KeyInput {
  readonly name: string
  readonly scopes: string | undefined
  readonly expiresMs: number | undefined
}

/** Of the caller's own; the key is the only data. */
export async function createApiKey(context: ApiContext, input: KeyInput): Promise<void> {
  printKey(context, await context.api.apiKeys.create({ body: toBody(input) }, { signal: context.signal }))
}

export async function createKeyOf(context: ApiContext, user: string, input: KeyInput): Promise<void> {
  const { uuid } = await resolveUser(context, user)
  const body = { ...toBody(input), user_uuid: uuid }
  printKey(context, await context.api.admin.keys.create({ body }, { signal: context.signal }))
}

const toBody = ({ name, scopes, expiresMs }: KeyInput) => ({
  name,
  ...(scopes !== undefined && { scopes: parseScopes(scopes) }),
  ...(expiresMs !== undefined && { expires_in: Math.round(expiresMs / 1000) }),
})

function printKey({ output }: ApiContext, made: NewApiKey): void {
  const until = made.expires_at === null ? '' : ` until ${formatTime(made.expires_at)}`
  output.render({
    table: () => {
      output.line(escapeText(made.key))
      output.note('')
      output.note(
        `  This key of ${escapeText(made.user.email)} is shown only now. It may ${made.scopes.join(', ')}${until}.`,
      )
      output.note(`  Take it back with: gpulab api-keys revoke ${made.id}`)
    },
    json: made,
    quiet: [made.key],
  })
}

const isScope = (word: string): word is KeyScope => (keyScopes as readonly string[]).includes(word)

function parseScopes(text: string): KeyScope[] {
  const words = text.split(',').map((word) => word.trim())
  const wrong = words.find((word) => !isScope(word))
  if (wrong === undefined) return words.filter(isScope)
  throw new GpulabError('invalid_request', {
    message: `"${wrong}" is not a scope.`,
    hint: `There are: ${keyScopes.join(', ')}.`,
  })
}
