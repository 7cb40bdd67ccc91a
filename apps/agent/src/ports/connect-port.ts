import {
  type Channel,
  type Frame,
  frameType,
  GpulabError,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { type GuestConnection, GuestError, type GuestStream } from '@gpulab/guest'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Guests } from '../guest/guests.ts'

/**
 * Passes bytes between a client and a TCP port of the container's own loopback address, until both sides have ended
 * theirs or one is cut. A slow reader holds the writer back.
 */
export async function connectPort(
  { guests }: { readonly guests: Pick<Guests, 'find'> },
  { uuid, port }: { readonly uuid: string; readonly port: number },
  open: () => Promise<Channel>,
  caller: AbortSignal,
): Promise<void> {
  const guest = await guests.find(uuid)
  if (!guest) {
    throw new GpulabError('not_available', {
      message: 'The ports of this container cannot be reached: the helper in it does not run.',
      hint: 'A container that is made anew has it: gpulab redeploy.',
    })
  }
  const stream = await dial(guest.connection, port)
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
    if (error.code === 'EUSERS')
      throw new GpulabError('rate_limited', {
        message: 'The container has too many sessions and connections already.',
        cause: error,
      })
    throw new GpulabError('port_closed', {
      message: `Nothing in the container answers on port ${port}.`,
      hint: `gpulab wait CONTAINER --for port:${port} waits until something does.`,
      cause: error,
    })
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

const wasReset = (cause?: GuestError): GpulabError =>
  new GpulabError('port_closed', { message: 'The connection was reset in the container.', cause })

/** Reads until the client has left: leaving the loop early would cut the channel. */
async function feed(channel: Channel, stream: GuestStream): Promise<void> {
  for await (const frame of channel.incoming) {
    if (isEnd(frame)) await stream.endInput()
    // What the program does not read any more is dropped, as a closed socket does.
    else if (frame.type === frameType.stdin && !stream.inputClosed)
      await stream.write(frame.payload).catch(() => {})
  }
}

const isEnd = (frame: Frame): boolean =>
  frame.type === frameType.control && parseControl(frame).type === 'eof'
