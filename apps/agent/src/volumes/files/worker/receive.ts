import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { writev } from 'node:fs'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { WalkError } from './walk.ts'

const writeMany = promisify(writev)
const bufferBytes = 1 << 20

/** How far a file has come. */
export interface Receipt {
  bytes: number
  isWriting: boolean
}

/**
 * Writes what comes to a file, from where `receipt` is, in large writes, as each costs a way to another thread, and while the
 * next bytes come. Ends with the source, or with that byte of the file: then the source is left as it is.
 */
export async function receive(
  fd: number,
  source: Readable,
  receipt: Receipt,
  until = Infinity,
): Promise<void> {
  let waiting: Uint8Array[] = []
  let waitingBytes = 0
  let isOver = false
  let failure: unknown
  let wake = (): void => {}
  const fail = (error: unknown): void => {
    failure ??= error
    wake()
  }
  const take = (chunk: Uint8Array): void => {
    notePassed(chunk.length)
    waiting.push(chunk)
    waitingBytes += chunk.length
    if (receipt.bytes + waitingBytes >= until) isOver = true
    if (isOver || waitingBytes >= bufferBytes) {
      source.pause()
      wake()
    }
  }
  const end = (): void => {
    isOver = true
    wake()
  }
  const close = (): void => {
    if (!isOver) fail(new WalkError('ERR_STREAM_PREMATURE_CLOSE', 'The body was cut.'))
  }
  const isDue = (): boolean => isOver || waitingBytes >= bufferBytes || failure !== undefined
  let writing: Promise<void> = Promise.resolve()
  source.on('data', take).once('end', end).once('error', fail).once('close', close)
  if (source.readableEnded) end()
  else if (source.destroyed) close()
  try {
    for (;;) {
      while (!isDue()) {
        source.resume()
        await new Promise<void>((resolve) => (wake = resolve))
      }
      if (failure !== undefined) throw failure
      await writing
      if (waitingBytes === 0) return
      const chunks = waiting
      const from = receipt.bytes
      receipt.bytes += waitingBytes
      waiting = []
      waitingBytes = 0
      receipt.isWriting = true
      writing = writeAll(fd, chunks, from).finally(() => (receipt.isWriting = false))
      writing.catch(fail)
    }
  } finally {
    source.off('data', take).off('end', end).off('error', fail).off('close', close)
    // Whoever has the file open must not close it before.
    await writing.catch(() => {})
  }
}

/** A full disk takes a part first, and tells why with the next write. */
async function writeAll(fd: number, chunks: readonly Uint8Array[], from: number): Promise<void> {
  const { bytesWritten } = await writeMany(fd, chunks, from)
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0)
  if (bytesWritten === bytes) return
  if (bytesWritten === 0) throw new WalkError('EIO', 'Nothing can be written.')
  await writeAll(fd, [Buffer.concat(chunks).subarray(bytesWritten)], from + bytesWritten)
}
