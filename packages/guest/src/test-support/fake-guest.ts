import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GuestConnection, type GuestConnectionOptions } from '../guest-connection.ts'
import { encodeHeader, frameType, protocolVersion, u16, u32, u64 } from '../protocol.ts'

/** A frame as a guest would send it, however wrong. */
export const encodeFrame = (type: number, stream: number, ...parts: readonly Buffer[]): Buffer => {
  const payload = Buffer.concat(parts)
  return Buffer.concat([encodeHeader(type, stream, payload.length), payload])
}

/** A guest's introduction. */
export const encodeHello = (oldest = protocolVersion, newest = protocolVersion): Buffer =>
  encodeFrame(frameType.hello, 0, u16(oldest), u16(newest), u32(10), u32(1000), u32(1000), Buffer.alloc(8, 7))

/** The answer to `run`, `attach` and `dial`. */
export const encodeOpened = (stream: number, granted = 0): Buffer =>
  encodeFrame(frameType.opened, stream, u64(0), u64(0), u32(granted))

/** How a program ended. */
export const encodeExit = (stream: number, code = 0): Buffer =>
  encodeFrame(frameType.exit, stream, Buffer.from([0, 0, code, 0, 0, 0, 0, 0]))

/** A guest in the hands of a test, over a real socket. It has introduced itself; what it then gets can be awaited. */
export async function openFakeGuest(options: GuestConnectionOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-fake-'))
  const server = createServer().listen(join(folder, 'socket'))
  await once(server, 'listening')
  const guest = connect(join(folder, 'socket'))
  guest.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [Socket]
  guest.write(encodeHello())
  const connection = await GuestConnection.open(socket, options)
  guest.resume()
  const dispose = async (): Promise<void> => {
    guest.destroy()
    connection.destroy()
    server.close()
    await rm(folder, { recursive: true })
  }
  return { guest, connection, [Symbol.asyncDispose]: dispose }
}
