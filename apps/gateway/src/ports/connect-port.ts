import type { Uplinks } from '@gpulab/http'
import { ChannelSocket } from '@gpulab/transport'
import type { Target } from './upstream-pool.ts'

/** A guest may have to be started first. */
const connectMs = 30_000

export type ConnectPort = (target: Target) => Promise<ChannelSocket>

/** Connects to a port of a container, on its own loopback address, through its host's uplink. */
export const createConnectPort =
  (uplinks: Pick<Uplinks, 'to'>): ConnectPort =>
  async ({ host, uuid, port }) =>
    new ChannelSocket(
      await uplinks.to(host).ports.connect({ params: { uuid, port } }, { timeoutMs: connectMs }),
    )
