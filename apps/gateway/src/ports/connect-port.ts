import { agent, bytesProtocol, pathOf } from '@gpulab/contract'
import { currentRequestId, requestIdHeader, type Uplinks } from '@gpulab/http'
import { ChannelSocket, upgradeLane } from '@gpulab/transport'
import type { Duplex } from 'node:stream'
import type { Target } from './upstream-pool.ts'

/** A guest may have to be started first. */
const timeoutMs = 30_000

export type ConnectPort = (target: Target) => Promise<Duplex>

/** Connects to a port of a container, on its own loopback address: by a lane of its host's uplink, else by the uplink. */
export const createConnectPort =
  (uplinks: Pick<Uplinks, 'to' | 'takeLane'>): ConnectPort =>
  async ({ host, uuid, port }) => {
    const { connect } = agent.ports
    const params = { uuid, port }
    const lane = await uplinks.takeLane(host)
    if (!lane) return new ChannelSocket(await uplinks.to(host).ports.connect({ params }, { timeoutMs }))
    const id = currentRequestId()
    const call = {
      method: connect.method,
      path: pathOf(connect, { params }),
      headers: { ...(id !== undefined && { [requestIdHeader]: id }) },
      timeoutMs,
    }
    await upgradeLane(lane, call, bytesProtocol)
    return lane
  }
