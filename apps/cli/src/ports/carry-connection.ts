import {
  type Channel,
  frameType,
  GpulabError,
  parseControl,
  toChannelFailure,
  toControlFrame,
} from '@gpulab/contract'
import { once } from 'node:events'
import type { Socket } from 'node:net'

/**
 * Passes bytes between a connection of this machine's and one in the container, each way until its own end. What was
 * cut on one side is reset on the other, so that half of an answer never looks like all of it.
 */
export async function carryConnection(socket: Socket, channel: Channel): Promise<void> {
  try {
    await Promise.all([sendOn(socket, channel), bringBack(channel, socket)])
    await channel.end()
  } catch (error) {
    channel.destroy()
    throw error
  }
}

async function sendOn(socket: Socket, channel: Channel): Promise<void> {
  // Its other side may go on after this one has ended.
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    await channel.send({ type: frameType.stdin, payload: chunk as Buffer })
  }
  await channel.send(toControlFrame({ type: 'eof' }))
}

async function bringBack(channel: Channel, socket: Socket): Promise<void> {
  let hasEnded = false
  for await (const frame of channel.incoming) {
    if (frame.type === frameType.stdout) {
      if (!socket.write(frame.payload)) await once(socket, 'drain')
    } else if (frame.type === frameType.control) {
      const control = parseControl(frame)
      if (control.type === 'error') throw toChannelFailure(control)
      if (control.type === 'eof') {
        hasEnded = true
        socket.end()
      }
    }
  }
  if (!hasEnded) throw new GpulabError('host_unreachable', { message: 'The connection was cut.' })
}
