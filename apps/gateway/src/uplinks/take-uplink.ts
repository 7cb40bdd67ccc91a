import { GpulabError, laneProtocol, uplinkPath, uplinkProtocol } from '@gpulab/contract'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Deps } from '../deps.ts'
import type { Toll } from '../requests/strangers.ts'
import { toUplinkName } from './uplink-name.ts'

const verifyMs = 10_000

export const isUplinkRequest = ({ url, headers }: Pick<IncomingMessage, 'url' | 'headers'>): boolean =>
  url === uplinkPath && isProtocolOfUplinks(headers)

export const isProtocolOfUplinks = ({ upgrade }: IncomingMessage['headers']): boolean =>
  [uplinkProtocol, laneProtocol].includes(upgrade?.toLowerCase() ?? '')

/** Takes the connection of an agent that the API knows. Throws what it is to be told otherwise. */
export async function takeUplink(
  { control, uplinks, log }: Pick<Deps, 'control' | 'uplinks' | 'log'>,
  { headers }: Pick<IncomingMessage, 'headers'>,
  { socket, head, toll }: { readonly socket: Duplex; readonly head: Buffer; readonly toll: Toll },
): Promise<void> {
  if (headers.upgrade?.toLowerCase() === laneProtocol) return uplinks.acceptLane(headers, socket, head)
  const [, ticket] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? []
  if (ticket === undefined) throw new GpulabError('host_session_invalid')
  const { host_uuid: uuid, key } = await toll(() =>
    control.verifyHost({ body: { ticket } }, { timeoutMs: verifyMs }),
  )
  if (socket.destroyed) return
  await uplinks.accept(toUplinkName({ uuid, key }), socket, head)
  log.info({ host: uuid }, 'uplink opened')
  socket.once('close', () => log.info({ host: uuid }, 'uplink closed'))
}
