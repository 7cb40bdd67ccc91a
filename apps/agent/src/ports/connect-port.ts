import { type Channel, GpulabError } from '@gpulab/contract'
import type { Guests } from '../guest/guests.ts'
import type { Dialer } from './dialer.ts'
import { passConnection } from './pass-connection.ts'
import { passGuestPort } from './pass-guest-port.ts'

interface Parts {
  readonly guests: Pick<Guests, 'find'>
  readonly dialer: Pick<Dialer, 'dial'>
}

/**
 * Passes bytes between a client and a TCP port of the container's own loopback address, until both sides have ended
 * theirs or one is cut. A slow reader holds the writer back.
 */
export async function connectPort(
  { guests, dialer }: Parts,
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
  const connection = await dialer.dial(guest.container, port)
  if (connection) await passConnection(connection, open, caller)
  else await passGuestPort(guest.connection, port, open, caller)
}
