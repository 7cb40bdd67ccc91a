import { api, createClient, type Client } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'

export type ApiClient = Client<typeof api>

/** The API as its account sees it. */
export function connectApi(apiUrl: string, apiKey: string): ApiClient {
  return createClient(api, createHttpTransport({ url: apiUrl }), { headers: { 'api-key': apiKey } })
}
