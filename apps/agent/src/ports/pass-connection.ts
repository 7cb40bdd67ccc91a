import { type Channel, frameType, toControlFrame } from '@gpulab/contract'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Socket } from 'node:net'
import { closed, type PortConnection } from './dialer.ts'
import { wasReset } from './failures.ts'
import { isEnd } from './is-end.ts'

/** Of a service's bytes that wait for the client. */
const unsentMaxBytes = 256 << 10

/** As `connectPort`, over a connection that was made to the port. */
export async function passConnection(
  connection: PortConnection,
  open: () => Promise<Channel>,
  caller: AbortSignal,
): Promise<void> {
  const { output, input } = connection
  try {
    const channel = await open()
    const left = feed(channel, input).catch(() => {})
    await orAbort(Promise.race([drain(channel, output), left]), caller)
    await orAbort(Promise.race([closed(connection), left]), caller)
  } catch (error) {
    if (!caller.aborted) throw error
  } finally {
    // Of one that both have ended nothing is left; half of another must not be taken for all.
    cut(output)
    cut(input)
  }
}

/** Node can not reset what it is just ending, and then never closes it. All of that was written. */
function cut(socket: Socket): void {
  const isEnding = socket.writableEnded && !socket.writableFinished
  if (isEnding && socket.writableLength === 0) socket.destroy()
  else socket.resetAndDestroy()
}

function drain(channel: Channel, output: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let unsentBytes = 0
  const pass = async (payload: Buffer): Promise<void> => {
    unsentBytes += payload.length
    if (unsentBytes > unsentMaxBytes) output.pause()
    await channel.send({ type: frameType.stdout, payload })
    unsentBytes -= payload.length
    if (unsentBytes <= unsentMaxBytes) output.resume()
  }
  const end = (): void => void channel.send(toControlFrame({ type: 'eof' })).then(resolve, reject)
  const lose = (cause?: Error): void => {
    if (!output.readableEnded) reject(wasReset(cause))
  }
  output.on('data', (payload: Buffer) => {
    notePassed(payload.length)
    pass(payload).catch(reject)
  })
  // It may have ended while the channel was opening.
  if (output.readableEnded) end()
  else if (output.destroyed) lose()
  output
    .once('end', end)
    .once('error', lose)
    .once('close', () => lose())
  return promise
}

/** Reads until the client has left: leaving the loop early would cut the channel. */
async function feed(channel: Channel, input: Socket): Promise<void> {
  for await (const frame of channel.incoming) {
    if (isEnd(frame)) input.end()
    // What the service does not read any more is dropped.
    else if (frame.type === frameType.stdin && input.writable && !input.write(frame.payload))
      await untilRoom(input)
  }
}

function untilRoom(input: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      input.off('drain', done).off('close', done)
      resolve()
    }
    input.on('drain', done).on('close', done)
  })
}
