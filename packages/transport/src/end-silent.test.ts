import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { endSilent } from './end-silent.ts'

const maxMs = 1000
let server: WebSocketServer
afterEach(() => {
  for (const client of server.clients) client.terminate()
  server.close()
})

async function connect(serve: (socket: WebSocket) => void): Promise<WebSocket> {
  server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  server.on('connection', serve)
  await once(server, 'listening')
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  await once(socket, 'open')
  endSilent(socket, maxMs)
  return socket
}

describe('a socket', () => {
  it('whose server says nothing ends', async () => {
    const socket = await connect(() => {})
    await once(socket, 'close')
    expect(socket.readyState).toBe(WebSocket.CLOSED)
  })

  it('whose server pings stays, and one that is paused too', async () => {
    const timers: NodeJS.Timeout[] = []
    const socket = await connect((peer) => void timers.push(setInterval(() => peer.ping(), maxMs / 10)))
    await wait(2 * maxMs)
    expect(socket.readyState).toBe(WebSocket.OPEN)
    timers.forEach((timer) => clearInterval(timer))
    socket.pause()
    await wait(2 * maxMs)
    expect(socket.readyState).toBe(WebSocket.OPEN)
    socket.resume()
    await once(socket, 'close')
  })
})
