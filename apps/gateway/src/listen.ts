import { GpulabError } from '@gpulab/contract'
import { toListenTarget } from '@gpulab/http'
import { once } from 'node:events'
import type { Server } from 'node:http'

/** Listens on `host:port` or `unix:/path`. */
export async function listen(server: Server, address: string): Promise<void> {
  server.listen(toListenTarget(address, 'GPULAB_LISTEN'))
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new GpulabError('config_invalid', {
      message: `Cannot listen on ${address}: ${(cause as Error).message}.`,
      hint: 'Choose another address with GPULAB_LISTEN.',
      cause,
    })
  }
}
