import { createApiClient } from './api-client.ts'
import type { ApiContext, Context } from './context.ts'
import { requireKey } from './require-key.ts'

export const withApi = (context: Context): ApiContext => ({
  ...context,
  api: createApiClient(requireKey(context.profile)),
})
