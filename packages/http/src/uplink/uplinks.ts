import { agent, type Client, createClient, GpulabError, uplinkProtocol } from '@gpulab/contract'
import { createLaneTransport, createSessionTransport } from '@gpulab/transport'
import type { IncomingHttpHeaders } from 'node:http'
import http2, { type ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { currentRequestId, requestIdHeader } from '../request-id.ts'
import { closeAtEnd, sessionOptions, switchProtocol, tend } from './connection.ts'
import { acceptLane, Lanes, LaneTokens } from './lanes.ts'

export type AgentClient = Client<typeof agent>

/** The connections that hosts have dialled to this process. */
export interface Uplinks {
  /** Answers a host's upgrade request, and calls it on its connection from now on. */
  accept(hostUuid: string, socket: Duplex, head: Buffer): Promise<ClientHttp2Session>
  /** Answers the upgrade request for a lane; throws `host_session_invalid` when nobody has asked for it. */
  acceptLane(headers: IncomingHttpHeaders, socket: Duplex, head: Buffer): Promise<void>
  /** Calls a host; throws `host_unreachable` when it has no uplink. */
  to(hostUuid: string): AgentClient
  /** Of hosts that have one. */
  count(): number
  close(): void
}

/** Keeps them by host; of several of one host, the newest is used. */
export function createUplinks(): Uplinks {
  const groups = new Map<string, Map<ClientHttp2Session, Lanes>>()
  const tokens = new LaneTokens()
  return {
    accept: async (hostUuid, socket, head) => {
      const session = await acceptUplink(socket, head)
      const group = groups.getOrInsertComputed(hostUuid, () => new Map())
      group.set(session, new Lanes(session, tokens))
      session.once('close', () => {
        group.delete(session)
        if (group.size === 0 && groups.get(hostUuid) === group) groups.delete(hostUuid)
      })
      return session
    },
    acceptLane: (headers, socket, head) => acceptLane(tokens, headers, socket, head),
    to: (hostUuid) => {
      const alive = [...(groups.get(hostUuid) ?? [])].filter(
        ([{ destroyed, closed }]) => !destroyed && !closed,
      )
      // The newest: an agent that dials again may have left a dead connection behind. But one that it dialled at the
      // common address of several replicas has no lanes that lead here.
      const uplink = alive.findLast(([, lanes]) => lanes.areReachable) ?? alive.at(-1)
      if (!uplink) {
        throw new GpulabError('host_unreachable', {
          hint: 'Try again when the host is back; gpulab inspect shows its state.',
        })
      }
      const [session, lanes] = uplink
      // Now: what is read of a stream later is read outside of the request.
      const id = currentRequestId()
      return createClient(agent, createLaneTransport(lanes, createSessionTransport(session)), {
        ...(id !== undefined && { headers: { [requestIdHeader]: id } }),
      })
    },
    count: () => groups.size,
    close: () => groups.forEach((group) => group.forEach((_lanes, session) => session.destroy())),
  }
}

/** Control plane's end: answers an upgrade request and speaks HTTP/2 as the client on its connection. */
export async function acceptUplink(socket: Duplex, head: Buffer): Promise<ClientHttp2Session> {
  await switchProtocol(socket, head, uplinkProtocol)
  closeAtEnd(socket)
  const session = http2.connect('http://host', { createConnection: () => socket, ...sessionOptions })
  tend(session)
  return session
}
