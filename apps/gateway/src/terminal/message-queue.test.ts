import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { eventually } from '@gpulab/testing'
import { MessageQueue } from './message-queue.ts'

let server: WebSocketServer

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
})
afterAll(() => server.close())

async function connect(): Promise<{ client: WebSocket; socket: WebSocket }> {
  const connected = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [socket] = await connected
  if (client.readyState !== client.OPEN) await once(client, 'open')
  return { client, socket }
}

it.each([
  [0, 5000],
  [1, 5000],
  [100_000, 20],
])('holds back a client whose messages of %i bytes nobody takes', async (bytes, count) => {
  const { client, socket } = await connect()
  const queue = new MessageQueue(socket)
  const message = Buffer.alloc(bytes)
  for (let sent = 0; sent < count; sent++) client.send(message)
  await eventually(() => expect(socket.isPaused).toBe(true))
  for (let taken = 0; taken < count; taken++) expect(await queue.next()).toHaveLength(bytes)
  expect(socket.isPaused).toBe(false)
  client.terminate()
  expect(await queue.next()).toBeUndefined()
})

it('keeps nothing of what comes while the connection is being closed', async () => {
  const { client, socket } = await connect()
  const queue = new MessageQueue(socket)
  let heard = 0
  socket.on('message', () => heard++)
  // The client does not answer the close, and goes on.
  client.pause()
  socket.close(1008)
  for (let sent = 0; sent < 10; sent++) client.send('x')
  await eventually(() => expect(heard).toBe(10))
  client.terminate()
  expect(await queue.next()).toBeUndefined()
})
