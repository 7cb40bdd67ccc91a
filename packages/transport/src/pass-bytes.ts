import { type Frame, FrameTracker } from '@gpulab/contract'
import type { Socket } from 'node:net'
import { notePassed } from './collect-as-bytes-pass.ts'

/** Of bytes that wait for the receiver: more than a socket calls full, so that it tells of having drained. */
const waitingMaxBytes = 256 << 10

interface Options {
  /** What was read of the sender before, from the beginning of a frame on. */
  readonly first: readonly Uint8Array[]
  readonly onControl: (frame: Frame) => void
  /** Told after every write. */
  readonly onWrite: (isBetweenFrames: boolean) => void
}

/**
 * Passes frames on as the bytes that they are. Resolves when the sender has ended its side after a whole frame; rejects
 * when it ends otherwise or the receiver is gone. What the sender sends then is read to no purpose, so that its end is heard.
 */
export function passBytes(from: Socket, to: Socket, { first, onControl, onWrite }: Options): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const tracker = new FrameTracker(onControl)
  const take = (chunk: Uint8Array): void => {
    if (to.writableEnded || to.destroyed) return
    try {
      tracker.push(chunk)
    } catch (error) {
      reject(error)
      from.destroy()
      return
    }
    to.write(chunk, (error) => {
      if (!error) free(chunk)
    })
    onWrite(tracker.isBetweenFrames)
    if (to.writableLength >= waitingMaxBytes) from.pause()
  }
  const resume = (): void => void from.resume()
  const lose = (): void => {
    reject(new Error('The receiver is gone'))
    from.resume()
  }
  to.on('drain', resume).once('close', lose)
  for (const chunk of first) take(chunk)
  from.on('data', take)
  from.once('end', () => {
    if (tracker.isBetweenFrames) resolve()
    else reject(new RangeError('The stream ended within a frame'))
  })
  from.once('error', reject)
  from.once('close', () => {
    to.off('drain', resume).off('close', lose)
    reject(new Error('The sender is gone'))
  })
  return promise
}

/**
 * Gives back what a socket has read into and another has written, without a collection of garbage. Nothing that is part of
 * something larger: others may have the rest.
 */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0)
  else notePassed(byteLength)
}
