import { hotApi } from '@gpulab/contract'
import { createClientOf } from '../api-transport.ts'
import type { Context, HotContext } from '../context.ts'
import { requireKey } from '../require-key.ts'

export const withHotApi = (context: Context): HotContext => ({
  ...context,
  api: createClientOf(hotApi, requireKey(context.profile)),
})
