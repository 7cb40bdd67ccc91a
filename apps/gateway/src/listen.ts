import { GpulabError } from '@gpulab/contract'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import type { Server } from 'node:http'

/** Listens on `host:port` or `unix:/path`. */
export async function listen(server: Server, address: string): Promise<void> {
  server.listen(toTarget(address))
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

function toTarget(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length)
    // What a killed gateway left behind would be in the way.
    rmSync(path, { force: true })
    return { path }
  }
  const { host, port } = /^(?<host>\[[^\]]+\]|[^:]*):(?<port>\d{1,5})$/.exec(address)?.groups ?? {}
  if (host === undefined || port === undefined) {
    throw new GpulabError('config_invalid', {
      message: `GPULAB_LISTEN: "${address}" is not host:port or unix:/path.`,
    })
  }
  return { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) }
}
