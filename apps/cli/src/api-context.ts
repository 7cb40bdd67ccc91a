import { GpulabError } from '@gpulab/contract'
import { createApiClient } from './api-client.ts'
import type { ApiContext, Context } from './context.ts'

export function withApi(context: Context): ApiContext {
  const { profile } = context
  if (!profile.apiKey) throw keyMissing()
  return { ...context, api: createApiClient({ ...profile, apiKey: profile.apiKey }) }
}

export const keyMissing = (): GpulabError =>
  new GpulabError('api_key_missing', {
    message: 'You are not logged in.',
    hint: 'Run gpulab auth login, or set GPULAB_API_KEY.',
  })
