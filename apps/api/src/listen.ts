import { GpulabError } from '@gpulab/contract'
import type { Server } from '@gpulab/http'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'

/**
 * Listens on every address: `host:port` or `unix:/path`. All feed the one HTTP server, so that TLS, upgrades and
 * timeouts are the same everywhere.
 */
export async function listen(app: Server, addresses: readonly string[]): Promise<() => void> {
  await app.ready()
  const listeners = await Promise.all(addresses.map((address) => open(app, address)))
  return () => {
    for (const listener of listeners) listener.close()
    app.server.closeAllConnections()
  }
}

async function open(app: Server, address: string): Promise<net.Server> {
  const listener = net.createServer((socket) => app.server.emit('connection', socket))
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined
  // What a killed server left behind would be in the way.
  if (path !== undefined) rmSync(path, { force: true })
  listener.listen(path === undefined ? parseAddress(address) : { path })
  try {
    await once(listener, 'listening')
  } catch (cause) {
    throw new GpulabError('config_invalid', {
      message: `Cannot listen on ${address}: ${(cause as Error).message}.`,
      hint: 'Choose another address with GPULAB_LISTEN.',
      cause,
    })
  }
  return listener
}

export function parseAddress(address: string): { host: string; port: number } {
  const { host, port } = /^(?<host>\[[^\]]+\]|[^:]*):(?<port>\d{1,5})$/.exec(address)?.groups ?? {}
  if (host === undefined || port === undefined) {
    throw new GpulabError('config_invalid', {
      message: `GPULAB_LISTEN: "${address}" is not host:port or unix:/path.`,
    })
  }
  return { host: host.replace(/^\[|\]$/g, '') || '0.0.0.0', port: Number(port) }
}
