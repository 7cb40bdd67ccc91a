import { GpulabError } from '@gpulab/contract'
import { createApiClient } from '../api-client.ts'
import type { Context } from '../context.ts'
import { escapeText } from '../output/escape.ts'
import { requireHeaderValue } from '../profile.ts'
import { changeSettings, writeProfileFile } from '../profile-file.ts'
import { askSecret, readStdin } from './read-secret.ts'
import { identityOf } from './whoami.ts'

const secret = { noun: 'API key', hint: 'Paste the whole key, gpulab_xxxxxxxx_….' }

/** Stores the key once the API has accepted it; a key that it refuses changes nothing. */
export async function login(context: Context, options: { fromStdin: boolean }): Promise<void> {
  const { output, profile, signal } = context
  const apiKey = requireHeaderValue(await findKey(context, options))
  const account = await createApiClient({ ...profile, apiKey }).account.get({}, { signal })
  const changes = { api_key: apiKey, api_url: profile.apiUrl }
  await writeProfileFile(profile.path, changeSettings(profile.file, profile.name, changes))
  output.render({
    table: () => {
      output.line(`${output.style('green', '✓')} Logged in as ${identityOf(account)}`)
      output.note(`  The key is stored in ${escapeText(profile.path)}.`)
    },
    json: account,
    quiet: [account.user.email],
  })
}

async function findKey({ output, profile, signal }: Context, { fromStdin }: { fromStdin: boolean }) {
  if (fromStdin) return readStdin(secret)
  const given = profile.apiKeySource === 'file' ? undefined : profile.apiKey
  if (given) return given
  if (output.isInteractive) return askSecret('Enter your API key: ', secret, signal)
  throw new GpulabError('input_required', {
    message: 'An API key is needed, and there is no terminal to ask on.',
    hint: 'Give it with --api-key-stdin, GPULAB_API_KEY or --api-key.',
  })
}
