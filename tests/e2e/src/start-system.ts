import { ensureImages } from '@gpulab/images'
import {
  eventually,
  type Finished,
  findFreePort,
  makeCertificate,
  run,
  type Service,
  startBalancer,
  startService,
  writeSecret,
} from '@gpulab/testing'
import { PostgreSqlContainer } from '@testcontainers/postgresql'
import Docker from 'dockerode'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { type Api, createApi } from './api.ts'
import { checkOutput } from './check-output.ts'
import { programs as ownPrograms, type Programs } from './programs.ts'
import { requireNoSecrets } from './require-no-secrets.ts'
import { untilHealthy } from './until-healthy.ts'

/** Templates of the plan whose images need a stand-in where no registry is reachable. */
const templateImages = ['ubuntu', 'pytorch', 'tensorflow', 'jupyter'] as const

export interface Engine {
  readonly dockerHost: string
  readonly nvidiaSmi: string
}

export interface Gateway {
  service: Service
  readonly port: number
}

export interface SystemOptions {
  readonly engine?: Engine
  /** Of the agent, before all others. */
  readonly agentSettings?: NodeJS.ProcessEnv
  /** Let the gateway serve TLS, with a certificate that only the agent trusts by itself. */
  readonly tls?: boolean
  readonly logLevel?: 'debug' | 'info' | 'warn'
  /** Of the API; several take uplinks of their own each, and a balancer stands in front. */
  readonly replicas?: number
  /** Other ones to begin with. */
  readonly programs?: Programs
}

export interface System extends AsyncDisposable {
  readonly docker: Docker
  readonly sql: postgres.Sql
  /** Of this system alone; removed with it. */
  readonly dir: string
  readonly apiUrl: string
  readonly apiKey: string
  /** The first one. */
  readonly api: Service
  readonly apis: readonly Api[]
  agent: Service
  /** Runs the built CLI, logged in. */
  gpulab(
    args: readonly string[],
    options?: { env?: NodeJS.ProcessEnv; input?: string | Buffer },
  ): Promise<Finished & { bytes: Buffer }>
  /** Runs the built CLI with `--json`; fails the test if it fails. */
  json<T>(...args: string[]): Promise<T>
  /** Starts it on that port again after it was stopped. */
  startApi(): Promise<void>
  startAgent(program?: string): Promise<void>
  /** Starts another API over the same database, which no agent is told of. */
  startReplica(program?: string): Promise<Api>
  /** Starts the agent of another host, on an engine of its own. */
  addHost(name: string, engine: Engine, settings: NodeJS.ProcessEnv): Promise<Service>
  /** Starts another gateway, on a port of its own; the first one is the domain's. */
  startGateway(port?: number): Promise<Gateway>
  /** The domain's, as it was started last. */
  readonly gateway: Gateway
  readonly apiPort: number
  /** PEM of the authority behind the gateway's certificate. */
  readonly ca: string | undefined
  /** How the built CLI is started, logged in. */
  readonly cli: { readonly program: string; readonly env: NodeJS.ProcessEnv }
  /** Addresses of metrics and health. */
  readonly monitors: Readonly<Record<'api' | 'agent' | 'gateway', string>>
  /** Docker's containers of ours, whatever their state. */
  listOwn(): Promise<Docker.ContainerInfo[]>
}

/** The engine that the test run has started, with simulated GPUs. */
export function testEngine(): Engine {
  const { GPULAB_TEST_DOCKER_HOST: dockerHost, GPULAB_TEST_NVIDIA_SMI: nvidiaSmi } = process.env
  if (!dockerHost || !nvidiaSmi) throw new Error('The test run has not started an engine')
  return { dockerHost, nvidiaSmi }
}

/**
 * Everything real: PostgreSQL in a container, API and agent as processes, Docker with simulated GPUs, the built CLI. At
 * its end it sees to it that none of them has logged a secret.
 */
export async function startSystem({
  engine = testEngine(),
  agentSettings = {},
  tls = false,
  logLevel = 'warn',
  replicas = 1,
  programs = ownPrograms,
}: SystemOptions = {}): Promise<System> {
  await using stack = new AsyncDisposableStack()
  // Of all that is started; another one once the system is whole.
  let owner: AsyncDisposableStack = stack
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-e2e-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  const databaseUrl = await startDatabase(stack)
  stack.defer(() => requireNoSecrets(dir))
  const id = randomBytes(2).toString('hex')
  const gatewayPort = await findFreePort()
  const certificate = tls ? await makeCertificate(dir, ['*.proxy.localhost', '127.0.0.1']) : undefined
  const scheme = certificate ? 'https' : 'http'
  const proxyUrl = `${scheme}://proxy.localhost:${gatewayPort}`
  const standIns = await findStandIns(engine)
  const monitors = {
    api: `127.0.0.1:${await findFreePort()}`,
    agent: `127.0.0.1:${await findFreePort()}`,
    gateway: `127.0.0.1:${await findFreePort()}`,
  }
  const env = {
    DATABASE_URL: databaseUrl,
    GPULAB_PEPPER_FILE: await writeSecret(dir, 'pepper'),
    GPULAB_ENCRYPTION_KEY_FILE: await writeSecret(dir, 'encryption-key'),
    GPULAB_STAND_INS_FILE: join(dir, 'stand-ins.json'),
    GPULAB_GATEWAY_KEY_FILE: await writeSecret(dir, 'gateway-key'),
    GPULAB_PROXY_URL: proxyUrl,
    GPULAB_LOG_LEVEL: logLevel,
  }
  await writeFile(env.GPULAB_STAND_INS_FILE, JSON.stringify(standIns))
  const { stdout, stderr, code } = await run(programs.api, ['bootstrap', '--email', 'ann@example.com'], {
    env,
  })
  if (code !== 0) throw new Error(`bootstrap failed: ${stderr}`)
  const apiKey = stdout.trim()
  const first = createApi({
    program: programs.api,
    port: await findFreePort(),
    settings: { ...env, GPULAB_MONITOR_LISTEN: monitors.api },
    logFile: join(dir, 'api.log'),
    isOneOfMany: replicas > 1,
  })
  const apis = [first]
  for (let n = 1; n < replicas; n++) {
    const logFile = join(dir, `api-${n}.log`)
    apis.push(
      createApi({
        program: programs.api,
        port: await findFreePort(),
        settings: env,
        logFile,
        isOneOfMany: true,
      }),
    )
  }
  for (const api of apis) {
    stack.defer(() => api.service.stop())
    await api.start()
  }
  const { port } = replicas > 1 ? stack.use(await startBalancer(apis.map((api) => api.port))) : first
  const apiUrl = `http://127.0.0.1:${port}`

  let restarted: Gateway | undefined
  const startGateway = async (own = 0): Promise<Gateway> => {
    const at = own === 0 ? await findFreePort() : own
    const settings = {
      GPULAB_API_URL: apiUrl,
      GPULAB_LISTEN: `127.0.0.1:${at}`,
      GPULAB_GATEWAY_KEY_FILE: env.GPULAB_GATEWAY_KEY_FILE,
      GPULAB_PROXY_URL: proxyUrl,
      GPULAB_UPLINK_URL: `${scheme}://127.0.0.1:${at}`,
      ...(certificate && { GPULAB_TLS_CERT: certificate.certFile, GPULAB_TLS_KEY: certificate.keyFile }),
      GPULAB_ANSWER_TIMEOUT: '5',
      GPULAB_LOG_LEVEL: logLevel,
      ...(at === gatewayPort && { GPULAB_MONITOR_LISTEN: monitors.gateway }),
    }
    const service = startService(programs.gateway, [], settings, join(dir, `gateway-${at}.log`))
    owner.defer(() => service.stop())
    await untilHealthy(`${scheme}://127.0.0.1:${at}`, certificate?.ca)
    const started = { service, port: at }
    if (at === gatewayPort) restarted = started
    return started
  }
  const firstGateway = await startGateway(gatewayPort)

  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} })
  stack.defer(() => sql.end())
  const toAgentEnv = async (name: string, ownEngine: Engine, folder: string, ownId: string) => ({
    ...(certificate && { NODE_EXTRA_CA_CERTS: certificate.caFile }),
    DOCKER_HOST: ownEngine.dockerHost,
    GPULAB_API_URL: apiUrl,
    GPULAB_HOST_NAME: name,
    GPULAB_STATE_DIR: join(dir, folder),
    GPULAB_JOIN_TOKEN_FILE: await inviteHost(dir, name, { program: programs.api, env }),
    GPULAB_AGENT_SOCKET: join(dir, `${folder}.sock`),
    GPULAB_NVIDIA_SMI: ownEngine.nvidiaSmi,
    // Templates ask for the memory of real GPU hosts.
    GPULAB_OVERCOMMIT: '16',
    GPULAB_BRIDGE_PREFIX: `e${ownId}`,
    GPULAB_FIREWALL_CHAIN: `GPULAB-${ownId}`,
    GPULAB_LOG_LEVEL: logLevel,
    ...(folder === 'agent' && { GPULAB_MONITOR_LISTEN: monitors.agent }),
  })
  const agentEnv = { ...(await toAgentEnv('host-one', engine, 'agent', id)), ...agentSettings }
  const addHost: System['addHost'] = async (name, ownEngine, settings) => {
    const ownId = randomBytes(2).toString('hex')
    const own = { ...(await toAgentEnv(name, ownEngine, `agent-${name}`, ownId)), ...settings }
    const service = startService(programs.agent, [], own, join(dir, `agent-${name}.log`))
    owner.defer(() => run(programs.agent, ['cleanup'], { env: own }).then(() => undefined))
    owner.defer(() => service.stop())
    await eventually(
      async () => {
        const [host] =
          await sql`select 1 from hosts where name = ${name} and engine_available and last_seq > 0`
        if (!host) throw new Error(`The agent is not ready:\n${service.log()}`)
      },
      { timeoutMs: 60_000 },
    )
    return service
  }
  const startAgent: System['startAgent'] = async (program = programs.agent) => {
    system.agent = startService(program, [], agentEnv, join(dir, 'agent.log'))
    await eventually(
      async () => {
        const [host] =
          await sql`select 1 from hosts where engine_available and last_seen_at > now() - interval '5 s' and last_seq > 0`
        if (!host) throw new Error(`The agent is not ready:\n${system.agent.log()}`)
      },
      { timeoutMs: 60_000 },
    )
  }
  const docker = new Docker({ socketPath: engine.dockerHost.replace('unix://', '') })
  const cliEnv = {
    GPULAB_API_URL: apiUrl,
    GPULAB_API_KEY: apiKey,
    GPULAB_CONFIG: join(dir, 'config.json'),
    NO_COLOR: '1',
  }
  const gpulab: System['gpulab'] = (args, { env: extra, input = '' } = {}) =>
    run(programs.cli, args, { env: { ...cliEnv, ...extra }, input })
  const ownLabel = { label: ['ai.gpulab.container'] }
  const system: System = {
    docker,
    sql,
    dir,
    apiUrl,
    apiKey,
    get api() {
      return first.service
    },
    apis,
    agent: first.service,
    gpulab,
    json: async (...args) => {
      const finished = await gpulab([...args.slice(0, 1), '--json', ...args.slice(1)])
      if (finished.code !== 0)
        throw new Error(`gpulab ${args.join(' ')} ended with ${finished.code}: ${finished.stderr}`)
      return checkOutput(args, JSON.parse(finished.stdout))
    },
    startApi: () => first.start(),
    startAgent,
    startReplica: async (program) => {
      const port = await findFreePort()
      const replica = createApi({
        port,
        settings: env,
        logFile: join(dir, `api-${port}.log`),
        isOneOfMany: false,
      })
      await replica.start(program)
      owner.defer(() => replica.service.stop())
      return replica
    },
    addHost,
    startGateway,
    get gateway() {
      return restarted ?? firstGateway
    },
    apiPort: port,
    ca: certificate?.ca,
    cli: { program: programs.cli, env: cliEnv },
    monitors,
    listOwn: () => docker.listContainers({ all: true, filters: ownLabel }),
    [Symbol.asyncDispose]: () => owner.disposeAsync(),
  }
  stack.defer(() => run(programs.agent, ['cleanup'], { env: agentEnv }).then(() => undefined))
  stack.defer(async () => {
    for (const { Id } of await system.listOwn())
      await docker.getContainer(Id).remove({ force: true, v: true })
  })
  stack.defer(() => system.agent.stop())
  await startAgent()
  owner = stack.move()
  return system
}

/** Gives the file of a token that the agent joins with at its first start. */
async function inviteHost(
  dir: string,
  name: string,
  { program, env }: { program: string; env: NodeJS.ProcessEnv },
): Promise<string> {
  const { stdout, stderr, code } = await run(program, ['invite', '--host-name', name], { env })
  if (code !== 0) throw new Error(`invite failed: ${stderr}`)
  const path = join(dir, `join-token-${name}`)
  await writeFile(path, stdout, { mode: 0o600 })
  return path
}

async function startDatabase(stack: AsyncDisposableStack): Promise<string> {
  const { postgres: image } = await ensureImages({ dockerHost: testEngine().dockerHost, keys: ['postgres'] })
  const container = await new PostgreSqlContainer(image.reference)
    .withTmpFs({ '/var/lib/postgresql/data': 'rw' })
    .withCommand(['postgres', '-c', 'fsync=off'])
    // The default runs a shell with a deadline of a second: killed, its orphan looks like a crashed backend.
    .withHealthCheck({
      test: ['CMD', 'pg_isready', '-h', '127.0.0.1', '-U', 'test'],
      interval: 250,
      timeout: 10_000,
      retries: 200,
    })
    .start()
  stack.defer(() => container.stop().then(() => undefined))
  return container.getConnectionUri()
}

/** Upstream image to stand-in, for those that no registry gave. */
async function findStandIns({ dockerHost }: Engine): Promise<Record<string, string>> {
  const images = await ensureImages({ dockerHost, keys: templateImages })
  const prefix = 'gpulab.invalid/standin/'
  const standIns = Object.values(images).filter(({ standIn }) => standIn)
  return Object.fromEntries(standIns.map(({ reference }) => [reference.slice(prefix.length), reference]))
}
