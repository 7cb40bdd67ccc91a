import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

interface Upgrade {
  readonly socket: Duplex
  /** Bytes of the new protocol that came with the request. */
  readonly head: Buffer
}

const upgrades = new WeakMap<object, Upgrade>()

/**
 * Sends upgrade requests through the same routes, checks and error answers as all others; a route that wants the
 * socket takes it. Whatever answers without taking it ends the connection.
 */
export function routeUpgrades(app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    upgrades.set(request, { socket, head })
    const response = new ServerResponse(request)
    // Node's types ask for a net.Socket; a TLS socket or any other duplex does as well.
    response.assignSocket(socket as never)
    // Ended alone, a peer that never ends its own side would hold it open for good.
    response.once('finish', () => destroySoon(socket))
    app.routing(request, response)
  })
}

/** The raw connection of an upgrade request to this protocol, or undefined if it asked for another or none. */
export function takeUpgrade(request: FastifyRequest, protocol: string): Upgrade | undefined {
  if (request.headers.upgrade?.toLowerCase() !== protocol) return undefined
  return upgrades.get(request.raw)
}

function destroySoon(socket: Duplex): void {
  socket.end(() => socket.destroy())
}
