import { GpulabError } from '@gpulab/contract'
import { type Server, toListenTarget } from '@gpulab/http'
import { once } from 'node:events'
import net from 'node:net'

export interface Listening {
  /** Takes no more connections, and ends those that are idle. */
  stop(): void
  /** Ends all connections too. */
  close(): void
}

/**
 * Listens on every address: `host:port` or `unix:/path`. All feed the one HTTP server, so that TLS, upgrades and
 * timeouts are the same everywhere.
 */
export async function listen(app: Server, [first = '', ...others]: readonly string[]): Promise<Listening> {
  // The server itself has to listen too: one that never does keeps no account of its connections, so it would
  // neither time them out nor be able to close them.
  await orFail(first, app.listen(toListen(first)))
  const listeners = await Promise.all(others.map((address) => open(app, address)))
  const stop = (): void => {
    for (const listener of listeners) listener.close()
    app.server.close()
  }
  return {
    stop,
    close: () => {
      stop()
      app.server.closeAllConnections()
    },
  }
}

const toListen = (address: string): ReturnType<typeof toListenTarget> =>
  toListenTarget(address, 'GPULAB_LISTEN')

async function open(app: Server, address: string): Promise<net.Server> {
  const listener = net.createServer((socket) => app.server.emit('connection', socket))
  listener.listen(toListen(address))
  await orFail(address, once(listener, 'listening'))
  return listener
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
