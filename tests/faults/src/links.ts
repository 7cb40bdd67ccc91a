import { type ProxyAddress, startTcpProxy, type TcpProxy } from '@gpulab/testing'
import { join } from 'node:path'
import type { EnginePart } from './engine-part.ts'
import type { PostgresPart } from './postgres-part.ts'

/** By who dials, or what is behind: `client` and `agent` to the API, the API to its `database`, the agent to its `engine`. */
export const links = ['client', 'agent', 'database', 'engine'] as const
export type Link = (typeof links)[number]
export type Proxies = Readonly<Record<Link, TcpProxy>>
export type Urls = Readonly<Record<Link, string>>

interface Ends {
  readonly apiPorts: readonly number[]
  readonly database: PostgresPart
  readonly engine: EnginePart
}

/** As everything is dialled without anybody between. */
export const directUrls = ({ apiPorts, database, engine }: Ends): Urls => {
  const api = `http://127.0.0.1:${apiPorts[0]}`
  return { client: api, agent: api, database: database.url, engine: engine.dockerHost }
}

/** A proxy in each connection; those to the API take its replicas in turn, as a load balancer does. */
export async function openProxies(stack: AsyncDisposableStack, dir: string, ends: Ends): Promise<Proxies> {
  const { apiPorts, database, engine } = ends
  let turn = 0
  const api = (): ProxyAddress => ({ port: apiPorts[turn++ % apiPorts.length] ?? 0 })
  const listen = { path: join(dir, 'engine.sock') }
  const [client, agent, toDatabase, toEngine] = await Promise.all([
    startTcpProxy({ target: api }),
    startTcpProxy({ target: api }),
    startTcpProxy({ target: { port: database.port } }),
    startTcpProxy({ target: { path: engine.socketPath }, listen }),
  ])
  const proxies = { client, agent, database: toDatabase, engine: toEngine }
  for (const proxy of Object.values(proxies)) stack.use(proxy)
  return proxies
}

export const proxiedUrls = ({ client, agent, database, engine }: Proxies, ends: Ends): Urls => ({
  client: `http://127.0.0.1:${client.port}`,
  agent: `http://127.0.0.1:${agent.port}`,
  database: ends.database.url.replace(`:${ends.database.port}/`, `:${database.port}/`),
  engine: 'path' in engine.address ? `unix://${engine.address.path}` : '',
})
