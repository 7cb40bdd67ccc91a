import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

export interface Begun extends Disposable {
  /** What has come of the body so far. */
  readonly bytes: Buffer
}

/**
 * Stops reading a request's body in its middle, so that another process can read the rest from the connection. Once
 * disposed of, the connection is read again, and its end noticed.
 */
export async function takeBegun(body: IncomingMessage): Promise<Begun> {
  const { socket } = body
  const parts: Buffer[] = []
  // The server's own listener has just begun to read, and pause() does nothing for what is paused already.
  const hold = (): void => void socket.emit('pause')
  socket.on('resume', hold)
  do {
    for (let part; (part = body.read() as Buffer | null) !== null;) parts.push(part)
    socket.pause()
    // What was about to resume it has done so then.
    await setImmediate()
  } while (body.readableLength > 0)
  return { bytes: Buffer.concat(parts), [Symbol.dispose]: () => void socket.off('resume', hold).resume() }
}

/** Whether the rest of a body can be read by another process: of so many bytes as they are, on a connection that can be handed over. */
export function isHandable(
  body: AsyncIterable<Uint8Array>,
  connection: Socket | undefined,
  size: number | undefined,
): body is IncomingMessage {
  return (
    body instanceof IncomingMessage &&
    body.socket === connection &&
    body.headers['transfer-encoding'] === undefined &&
    body.headers['content-length'] === String(size)
  )
}
