import { api, type Client } from '@gpulab/contract'
import { type ApiClientOptions, createClientOf } from './api-transport.ts'

export type ApiClient = Client<typeof api>

export const createApiClient = (options: ApiClientOptions): ApiClient => createClientOf(api, options)
