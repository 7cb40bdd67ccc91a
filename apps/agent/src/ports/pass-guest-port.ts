import { type Channel, frameType, toControlFrame } from '@gpulab/contract'
import { type GuestConnection, GuestError, type GuestStream } from '@gpulab/guest'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import { portClosed, tooMany, wasReset } from './failures.ts'
import { isEnd } from './is-end.ts'

/** As `connectPort`, to a port that the container's guest dials. */
export async function passGuestPort(
  connection: GuestConnection,
  port: number,
  open: () => Promise<Channel>,
  caller: AbortSignal,
): Promise<void> {
  const stream = await dial(connection, port)
  try {
    const channel = await open()
    const left = feed(channel, stream).catch(() => {})
    await orAbort(Promise.race([drain(channel, stream), left]), caller)
    // Which is after the service has been given all: to detach before would reset it.
    await orAbort(Promise.race([stream.ended, left]), caller)
  } catch (error) {
    if (caller.aborted) return
    throw error instanceof GuestError ? wasReset(error) : error
  } finally {
    stream.detach().catch(() => {})
  }
}

async function dial(connection: GuestConnection, port: number): Promise<GuestStream> {
  try {
    return await connection.dial(port).catch((error: unknown) => {
      if (!isRefusal(error)) throw error
      return connection.dial(port, { family: 6 })
    })
  } catch (error) {
    if (!(error instanceof GuestError)) throw error
    throw error.code === 'EUSERS' ? tooMany(error) : portClosed(port, error)
  }
}

const isRefusal = (error: unknown): boolean => error instanceof GuestError && error.code === 'ECONNREFUSED'

async function drain(channel: Channel, stream: GuestStream): Promise<void> {
  for await (const item of stream.output()) {
    if (item.kind === 'gap') continue
    notePassed(item.bytes.length)
    await channel.send({ type: frameType.stdout, payload: item.bytes })
  }
  const ending = await Promise.race([stream.ended, Promise.resolve()])
  if (ending?.failure) throw wasReset()
  await channel.send(toControlFrame({ type: 'eof' }))
}

/** Reads until the client has left: leaving the loop early would cut the channel. */
async function feed(channel: Channel, stream: GuestStream): Promise<void> {
  for await (const frame of channel.incoming) {
    if (isEnd(frame)) await stream.endInput()
    // What the program does not read any more is dropped, as a closed socket does.
    else if (frame.type === frameType.stdin && !stream.inputClosed)
      await stream.write(frame.payload).catch(() => {})
  }
}
