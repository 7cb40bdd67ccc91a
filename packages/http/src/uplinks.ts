import { agent, type Client, createClient, GpulabError } from '@gpulab/contract'
import { createSessionTransport } from '@gpulab/transport'
import type { ClientHttp2Session } from 'node:http2'
import { currentRequestId, requestIdHeader } from './request-id.ts'

export type AgentClient = Client<typeof agent>

/** The connections that hosts have dialled to this process. */
export interface Uplinks {
  add(hostUuid: string, session: ClientHttp2Session): void
  /** Calls a host; throws `host_unreachable` when it has no uplink. */
  to(hostUuid: string): AgentClient
  /** Of hosts that have one. */
  count(): number
  close(): void
}

/** Keeps them by host; of several of one host, the newest is used. */
export function createUplinks(): Uplinks {
  const sessions = new Map<string, Set<ClientHttp2Session>>()
  return {
    add: (hostUuid, session) => {
      const group = sessions.getOrInsertComputed(hostUuid, () => new Set())
      group.add(session)
      session.once('close', () => {
        group.delete(session)
        if (group.size === 0 && sessions.get(hostUuid) === group) sessions.delete(hostUuid)
      })
    },
    to: (hostUuid) => {
      // The newest: an agent that dials again may have left a dead connection behind.
      const session = [...(sessions.get(hostUuid) ?? [])].findLast(
        ({ destroyed, closed }) => !destroyed && !closed,
      )
      if (!session) {
        throw new GpulabError('host_unreachable', {
          hint: 'Try again when the host is back; gpulab inspect shows its state.',
        })
      }
      // Now: what is read of a stream later is read outside of the request.
      const id = currentRequestId()
      return createClient(agent, createSessionTransport(session), {
        ...(id !== undefined && { headers: { [requestIdHeader]: id } }),
      })
    },
    count: () => sessions.size,
    close: () => sessions.forEach((group) => group.forEach((session) => session.destroy())),
  }
}
