import { GpulabError } from '@gpulab/contract'
import type { Profile } from './profile.ts'

/** The profile with a key, without which nothing is asked of the API. */
export function requireKey(profile: Profile): Profile & { readonly apiKey: string } {
  const { apiKey } = profile
  if (!profile.isKnown && !apiKey) throw profileMissing(profile)
  if (!apiKey) throw keyMissing()
  return { ...profile, apiKey }
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
