import { read } from 'node:fs'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { WalkError } from './walk.ts'

const readInto = promisify(read)
const chunkBytes = 1 << 20

/** Reads the next part while the last one is sent, into buffers that are used again: fresh memory has a price. */
export async function sendFile(
  fd: number,
  { start, length }: { readonly start: number; readonly length: number },
  to: Writable,
): Promise<void> {
  const bufferBytes = Math.min(chunkBytes, length)
  let [buffer, other] = [Buffer.allocUnsafeSlow(bufferBytes), Buffer.allocUnsafeSlow(bufferBytes)]
  let sending: Promise<void> = Promise.resolve()
  for (let sent = 0; sent < length;) {
    const { bytesRead } = await readInto(fd, buffer, 0, Math.min(bufferBytes, length - sent), start + sent)
    await sending
    if (bytesRead === 0) throw new WalkError('EIO', 'The file has shrunk while it was read.')
    sending = send(to, buffer.subarray(0, bytesRead))
    sending.catch(() => {})
    sent += bytesRead
    ;[buffer, other] = [other, buffer]
  }
  await sending
}

const send = (to: Writable, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    const leave = (): void => reject(new WalkError('ECONNRESET', 'Whoever it was for has left.'))
    if (to.destroyed) leave()
    to.once('close', leave)
    to.write(bytes, (error) => {
      to.off('close', leave)
      if (error) reject(error)
      else resolve()
    })
  })
