import { GpulabError } from '@gpulab/contract'
import type { Sink } from './session-client.ts'

/** Of pipes and terminals; Node tells of no better way to them. */
interface Blockable {
  readonly _handle?: { setBlocking?: (isBlocking: boolean) => void } | null
}

/** Its reader has seen enough, as `head` has. */
export class ReaderGone extends Error {}

/**
 * Standard output for bytes: taken when the kernel has them. A reader that is slow, or stuck, does not keep the process
 * from anything else, as Node's own synchronous writes to pipes and terminals would.
 */
export function openStdout(): Sink {
  const write = toWriter(() => process.stdout, 1)
  return (bytes) =>
    write(bytes).catch((error: unknown) => {
      throw isPipeError(error) ? new ReaderGone() : cannotWrite(error)
    })
}

/** As above. Nobody has to read it. */
export function openStderr(): Sink {
  const write = toWriter(() => process.stderr, 2)
  return (bytes) =>
    write(bytes).catch((error: unknown) => {
      if (!isPipeError(error)) throw cannotWrite(error)
    })
}

function toWriter(open: () => NodeJS.WriteStream, fd: number): Sink {
  // Bun takes 10 ms to make a stream of its own, and a thread of ours does not hold it up either.
  if (process.versions['bun']) return inOrder((bytes) => writeAll(fd, bytes))
  const stream = open()
  const handle = (stream as Blockable)._handle
  // Node's own stream takes half a write, as on a disk that is nearly full, for a whole one.
  if (!handle?.setBlocking) return inOrder((bytes) => writeAll(fd, bytes))
  handle.setBlocking(false)
  // Others may write to it after us.
  process.once('exit', () => handle.setBlocking?.(true))
  stream.removeAllListeners('error').on('error', () => {})
  return (bytes) =>
    new Promise((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
}

/** The runtime does such writes in threads, where a later one may overtake. */
export function inOrder(write: Sink): Sink {
  let last: Promise<void> = Promise.resolve()
  return (bytes) => {
    last = last.then(() => write(bytes))
    return last
  }
}

const fullMs = 5

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await writeSome(fd, bytes, at)
}

function writeSome(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    process.getBuiltinModule('node:fs').write(fd, bytes, at, bytes.length - at, null, (error, written) => {
      if (!error) resolve(written)
      // Somebody else has made it non-blocking, and it is full.
      else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), fullMs)
      else reject(error)
    })
  })
}

const isPipeError = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE'

const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')

const cannotWrite = (cause: unknown): GpulabError =>
  new GpulabError(isFull(cause) ? 'space_exhausted' : 'output_truncated', {
    message: `The output could not be written: ${(cause as Error).message}.`,
    hint: 'The command was ended.',
    cause,
  })
