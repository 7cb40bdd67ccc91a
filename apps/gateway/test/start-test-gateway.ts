import { GpulabError, type Route } from '@gpulab/contract'
import type { Server } from '@gpulab/http'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import pino from 'pino'
import { createApp } from '../src/app.ts'
import { type Config, readConfig } from '../src/config.ts'
import { createAdmissions } from '../src/ports/admissions.ts'
import { createDeps } from '../src/create-deps.ts'
import type { Deps } from '../src/deps.ts'
import { createRouteCache } from '../src/routes/route-cache.ts'
import { dialAsHost } from './fake-host.ts'

export const domain = 'proxy.test'

export interface TestGateway extends AsyncDisposable {
  readonly port: number
  readonly deps: Deps
  readonly routes: Map<string, Route>
  /** `uuid:port` of each connection to a container. */
  readonly dials: string[]
  /** A container that runs, whose ports are those of this machine. */
  addContainer(ports: Route['ports']): string
  /** Bytes as they are, and all that is answered until the connection ends or is quiet. */
  raw(text: string | Buffer): Promise<string>
}

/** The gateway on a free port, with a host on a real uplink; only the API is not there. */
export async function startTestGateway({
  config = {},
  control = {},
  extendHost,
}: {
  config?: Partial<Config>
  control?: Partial<Deps['control']>
  extendHost?: (app: Server) => void
} = {}): Promise<TestGateway> {
  const stack = new AsyncDisposableStack()
  const host = { uuid: randomUUID(), key: 'the-key' }
  const routes = new Map<string, Route>()
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), 'gpulab-gateway-')), (path) =>
    rm(path, { recursive: true }),
  )
  const keyFile = join(folder, 'key')
  await writeFile(keyFile, 'a key of a test gateway')
  const base = readConfig({
    GPULAB_API_URL: 'http://127.0.0.1:1',
    GPULAB_GATEWAY_KEY_FILE: keyFile,
    GPULAB_PROXY_URL: `http://${domain}`,
    GPULAB_UPLINK_URL: 'http://127.0.0.1:1',
  })
  const made = createDeps({ ...base, ...config })
  const fake = {
    ...made.control,
    verifyHost: ({ body }: { body: { ticket: string } }) =>
      body.ticket === 'a-ticket'
        ? Promise.resolve({ host_uuid: host.uuid, key: host.key })
        : Promise.reject(new GpulabError('host_session_invalid')),
    route: ({ params }: { params: { uuid: string } }) => {
      const route = routes.get(params.uuid)
      return route ? Promise.resolve(route) : Promise.reject(new GpulabError('container_not_found'))
    },
    ...control,
  } as Deps['control']
  const deps: Deps = {
    ...made,
    control: fake,
    routes: createRouteCache(fake),
    admissions: createAdmissions(fake),
    log: pino({ level: 'silent' }),
  }
  const server = createApp(deps).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  stack.defer(async () => {
    server.close()
    server.closeAllConnections()
    deps.uplinks.close()
  })
  const dials: string[] = []
  stack.use(await dialAsHost(`http://127.0.0.1:${port}`, 'a-ticket', dials, extendHost))
  return {
    port,
    deps,
    routes,
    dials,
    addContainer: (ports) => {
      const uuid = randomUUID()
      routes.set(uuid, { status: 'running', reason: null, host, ports })
      return uuid
    },
    raw: (text) => exchange(port, text),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

const quietMs = 60

async function exchange(port: number, text: string | Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  const parts: Buffer[] = []
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(text)
  let timer = setTimeout(() => socket.destroy(), 5000)
  socket.on('data', (part: Buffer) => {
    parts.push(part)
    clearTimeout(timer)
    timer = setTimeout(() => socket.destroy(), quietMs)
  })
  await once(socket, 'close')
  clearTimeout(timer)
  return Buffer.concat(parts).toString('latin1')
}
