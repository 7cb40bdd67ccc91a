import { GpulabError } from '@gpulab/contract'
import type { Server } from '@gpulab/http'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'

/**
 * Listens on every address: `host:port` or `unix:/path`. All feed the one HTTP server, so that TLS, upgrades and
 * timeouts are the same everywhere. Gives what ends it, with all connections.
 */
export async function listen(app: Server, [first = '', ...others]: readonly string[]): Promise<() => void> {
  // The server itself has to listen too: one that never does keeps no account of its connections, so it would
  // neither time them out nor be able to close them.
  await orFail(first, app.listen(toTarget(first)))
  const listeners = await Promise.all(others.map((address) => open(app, address)))
  return () => {
    for (const listener of listeners) listener.close()
    app.server.closeAllConnections()
  }
}

async function open(app: Server, address: string): Promise<net.Server> {
  const listener = net.createServer((socket) => app.server.emit('connection', socket))
  listener.listen(toTarget(address))
  await orFail(address, once(listener, 'listening'))
  return listener
}

function toTarget(address: string): { path: string } | { host: string; port: number } {
  if (!address.startsWith('unix:')) return parseAddress(address)
  const path = address.slice('unix:'.length)
  // What a killed server left behind would be in the way.
  rmSync(path, { force: true })
  return { path }
}

async function orFail(address: string, listening: Promise<unknown>): Promise<void> {
  try {
    await listening
  } catch (cause) {
    throw new GpulabError('config_invalid', {
      message: `Cannot listen on ${address}: ${(cause as Error).message}.`,
      hint: 'Choose another address with GPULAB_LISTEN.',
      cause,
    })
  }
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
