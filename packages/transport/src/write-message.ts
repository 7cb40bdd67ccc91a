import type { Frame } from '@gpulab/contract'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { encodeMessage } from './encode-message.ts'

/** Copying so little is cheaper than writing two parts. */
const joinMaxBytes = 4096
const binary = 0x82
const masked = 0x80

/** What of ws no type tells of; without compression it writes each message to its connection at once, as we do. */
interface Internals {
  readonly _socket: Duplex
  readonly _isServer: boolean
}

/** A frame as one binary message, without a copy of its payload, which ws would need in one piece with the type. */
export function writeMessage(socket: WebSocket, frame: Frame, done: (error?: Error | null) => void): void {
  const { type, payload } = frame
  const { _socket: connection, _isServer: isServer } = socket as unknown as Internals
  if (payload.length <= joinMaxBytes || socket.readyState !== socket.OPEN)
    return socket.send(encodeMessage(frame), done)
  const length = 1 + payload.length
  const isLong = length > 0xffff
  const head = Buffer.alloc((isLong ? 10 : 4) + (isServer ? 0 : 4) + 1)
  head[0] = binary
  head[1] = (isLong ? 127 : 126) | (isServer ? 0 : masked)
  if (isLong) head.writeUIntBE(length, 4, 6)
  else head.writeUInt16BE(length, 2)
  // A client has to mask; with a mask of zeroes nothing changes.
  head[head.length - 1] = type
  connection.cork()
  connection.write(head)
  connection.write(payload, done)
  connection.uncork()
}
