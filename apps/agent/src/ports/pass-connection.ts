import { type Channel, frameType, toControlFrame } from '@gpulab/contract'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Socket } from 'node:net'
import { wasReset } from './failures.ts'
import { isEnd } from './is-end.ts'

/** Of a service's bytes that wait for the client. */
const unsentMaxBytes = 256 << 10

/** As `connectPort`, over a connection that was made to the port. */
export async function passConnection(
  connection: Socket,
  open: () => Promise<Channel>,
  caller: AbortSignal,
): Promise<void> {
  const closed = new Promise<void>((resolve) => connection.once('close', () => resolve()))
  try {
    const channel = await open()
    const left = feed(channel, connection).catch(() => {})
    await orAbort(Promise.race([drain(channel, connection), left]), caller)
    await orAbort(Promise.race([closed, left]), caller)
  } catch (error) {
    if (!caller.aborted) throw error
  } finally {
    // Of one that both have ended nothing is left; half of another must not be taken for all.
    connection.resetAndDestroy()
  }
}

function drain(channel: Channel, connection: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let unsentBytes = 0
  const pass = async (payload: Buffer): Promise<void> => {
    unsentBytes += payload.length
    if (unsentBytes > unsentMaxBytes) connection.pause()
    await channel.send({ type: frameType.stdout, payload })
    unsentBytes -= payload.length
    if (unsentBytes <= unsentMaxBytes) connection.resume()
  }
  connection.on('data', (payload: Buffer) => {
    notePassed(payload.length)
    pass(payload).catch(reject)
  })
  connection.once('end', () => void channel.send(toControlFrame({ type: 'eof' })).then(resolve, reject))
  connection.once('error', (cause) => reject(wasReset(cause)))
  const lose = (): void => {
    if (!connection.readableEnded) reject(wasReset())
  }
  if (connection.destroyed) lose()
  connection.once('close', lose)
  return promise
}

/** Reads until the client has left: leaving the loop early would cut the channel. */
async function feed(channel: Channel, connection: Socket): Promise<void> {
  for await (const frame of channel.incoming) {
    if (isEnd(frame)) connection.end()
    // What the service does not read any more is dropped.
    else if (frame.type === frameType.stdin && connection.writable && !connection.write(frame.payload))
      await untilRoom(connection)
  }
}

function untilRoom(connection: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      connection.off('drain', done).off('close', done)
      resolve()
    }
    connection.on('drain', done).on('close', done)
  })
}
