import { GpulabError } from '@gpulab/contract'
import { createApiClient } from './api-client.ts'
import type { ApiContext, Context } from './context.ts'
import type { Profile } from './profile.ts'

export function withApi(context: Context): ApiContext {
  const { profile } = context
  if (!profile.isKnown && !profile.apiKey) throw profileMissing(profile)
  if (!profile.apiKey) throw keyMissing()
  return { ...context, api: createApiClient({ ...profile, apiKey: profile.apiKey }) }
}

export const keyMissing = (): GpulabError =>
  new GpulabError('api_key_missing', {
    message: 'You are not logged in.',
    hint: 'Run gpulab auth login, or set GPULAB_API_KEY.',
  })

const profileMissing = ({ name, file, path }: Profile): GpulabError => {
  const names = Object.keys(file.profiles ?? {})
  return new GpulabError('config_invalid', {
    message: `There is no profile "${name}" in ${path}.`,
    hint: `${names.length > 0 ? `There are: ${names.join(', ')}. ` : ''}gpulab auth login --profile ${name} makes it.`,
  })
}
