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
  const write = toWriter(process.stdout, 1)
  return (bytes) =>
    write(bytes).catch((error: unknown) => {
      throw isPipeError(error) ? new ReaderGone() : cannotWrite(error)
    })
}

/** As above. Nobody has to read it. */
export function openStderr(): Sink {
  const write = toWriter(process.stderr, 2)
  return (bytes) =>
    write(bytes).catch((error: unknown) => {
      if (!isPipeError(error)) throw cannotWrite(error)
    })
}

function toWriter(stream: NodeJS.WriteStream, fd: number): Sink {
  const handle = (stream as Blockable)._handle
  if (!handle?.setBlocking) return (bytes) => writeFile(fd, bytes)
  handle.setBlocking(false)
  // Others may write to it after us.
  process.once('exit', () => handle.setBlocking?.(true))
  stream.removeAllListeners('error').on('error', () => {})
  return (bytes) =>
    new Promise((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
}

/** Node's own stream takes half a write, as on a disk that is nearly full, for a whole one. */
async function writeFile(fd: number, bytes: Uint8Array): Promise<void> {
  const { writeSync } = process.getBuiltinModule('node:fs')
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
}

const isPipeError = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EPIPE'

const cannotWrite = (cause: unknown): GpulabError =>
  new GpulabError('output_truncated', {
    message: `The output could not be written: ${(cause as Error).message}.`,
    hint: 'The command was ended.',
    cause,
  })
