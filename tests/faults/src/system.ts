import { ensureImages } from '@gpulab/images'
import { eventually, findFreePort, run } from '@gpulab/testing'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres, { type Sql } from 'postgres'
import type { Observation } from './checkers.ts'
import { type ApiClient, createPatientClient } from './client.ts'
import { createControlPlane } from './control-plane.ts'
import { type Coordinator, startCoordinator } from './coordinator.ts'
import { createEnginePart } from './engine-part.ts'
import { type GpuWatch, watchGpus } from './gpu-watch.ts'
import { createHost } from './host.ts'
import { directUrls, openProxies, type Proxies, proxiedUrls } from './links.ts'
import { observe } from './observe.ts'
import type { Part, Victim } from './part.ts'
import { createPostgresPart } from './postgres-part.ts'
import { gpulabProgram } from './programs.ts'

export interface FaultSystem extends AsyncDisposable {
  readonly parts: Readonly<Record<Victim, Part>>
  /** All replicas; the first is `parts.api`. */
  readonly apis: readonly Part[]
  /** Connections that a test may break, where the system was started with `proxied`. */
  readonly proxies: Proxies
  readonly points: Coordinator
  readonly sql: Sql
  readonly dockerHost: string
  readonly nvidiaSmi: string
  readonly apiUrl: string
  readonly apiKey: string
  /** Goes on trying. */
  readonly client: ApiClient
  readonly gpuType: string
  /** Types of which there is one card each. */
  readonly rareGpuTypes: readonly string[]
  readonly image: string
  readonly gpuWatch: GpuWatch
  observe(): Promise<Observation>
  /** Which run of the agent speaks for the host. */
  findAgent(): Promise<string | undefined>
  /** Until a later one than that has reported. */
  untilAnotherAgent(before: string | undefined): Promise<void>
  /** Runs the built CLI, logged in. */
  gpulab(...args: string[]): ReturnType<typeof run>
  /** The last that the programs have printed, for a failed test. */
  tails(): Promise<string>
}

export interface SystemOptions {
  /** Of the common type. */
  readonly gpus?: number
  readonly replicas?: number
  /** Sends all connections through proxies. Without that a dead part refuses connections, as it does in real life. */
  readonly proxied?: boolean
  /** Puts something of the test's between agent and API. */
  readonly agentLink?: (apiPort: number) => Promise<AsyncDisposable & { readonly url: string }>
  /** After which the client gives an attempt up and tries again. */
  readonly clientTimeoutMs?: number
  readonly agentDir?: string
  readonly postgresDir?: string
  readonly engineDir?: string
}

const commonGpuType = 'NVIDIA GeForce RTX 4090'
const rareGpuTypes = ['A10', 'A40', 'A100', 'H100', 'H200', 'L4', 'L40S', 'T4', 'V100'].map(
  (name) => `NVIDIA ${name}`,
)

/** Real parts, each a process of its own that can be killed: PostgreSQL, API, agent, dockerd with simulated GPUs. */
export async function startFaultSystem(options: SystemOptions = {}): Promise<FaultSystem> {
  await using started = new AsyncDisposableStack()
  const { dir, database, engine, image, points, proxies, urls, controlPlane, host } = await createParts(
    started,
    options,
  )
  const { apis, apiKey } = controlPlane
  const [api] = apis
  if (!api) throw new Error('A system has at least one API.')
  const { dockerHost, nvidiaSmi } = engine
  const sql = postgres(database.url, { max: 2, onnotice: () => {}, connect_timeout: 2 })
  started.defer(() => sql.end({ timeout: 1 }))
  const { clientTimeoutMs = 20_000 } = options
  const client = createPatientClient({ url: urls.client, apiKey, timeoutMs: clientTimeoutMs })
  const gpuWatch = started.use(watchGpus(dockerHost))
  await Promise.all([...apis, host.agent].map((part) => part.start()))
  await untilAnotherAgent(sql, undefined)

  const cli = {
    GPULAB_API_URL: urls.client,
    GPULAB_API_KEY: apiKey,
    GPULAB_CONFIG: join(dir, 'config.json'),
    NO_COLOR: '1',
  }
  const parts = started.move()
  return {
    parts: { api, agent: host.agent, postgres: database, dockerd: engine },
    apis,
    proxies,
    points,
    sql,
    dockerHost,
    nvidiaSmi,
    apiUrl: urls.client,
    apiKey,
    client,
    gpuType: commonGpuType,
    rareGpuTypes,
    image,
    gpuWatch,
    observe: () => observe({ dockerHost, sql, client }),
    findAgent: () => findAgent(sql),
    untilAnotherAgent: (before) => untilAnotherAgent(sql, before),
    gpulab: (...args) => run(gpulabProgram, args, { env: cli }),
    tails: async () => (await Promise.all([...controlPlane.logFiles, host.logFile].map(readTail))).join(''),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** All that a system is made of; PostgreSQL and dockerd run, API and agent do not yet. */
async function createParts(stack: AsyncDisposableStack, options: SystemOptions) {
  const { gpus = 12, replicas = 1, proxied = false } = options
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-fault-'))
  // The users that databases run as have to pass.
  await chmod(dir, 0o711)
  stack.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))

  const cards = [`${gpus}x ${commonGpuType}:24564`, ...rareGpuTypes.map((name) => `1x ${name}:40960`)]
  const [database, engine] = await Promise.all([
    createPostgresPart(stack, options.postgresDir ?? join(dir, 'postgres')),
    createEnginePart(stack, options.engineDir ?? join(dir, 'engine'), cards.join(', ')),
  ])
  const { busybox } = await ensureImages({ dockerHost: engine.dockerHost, keys: ['busybox'] })
  const points = stack.use(await startCoordinator(join(dir, 'points.sock')))
  const apiPorts = await Promise.all(Array.from({ length: replicas }, findFreePort))
  const ends = { apiPorts, database, engine }
  const proxies = await openProxies(stack, dir, ends)
  const urls = proxied ? proxiedUrls(proxies, ends) : directUrls(ends)
  const agentLink = options.agentLink && stack.use(await options.agentLink(apiPorts[0] ?? 0))

  const shared = { GPULAB_FAIL_POINTS: points.path, GPULAB_LOG_LEVEL: 'warn' }
  const controlPlane = await createControlPlane(stack, {
    dir,
    ports: apiPorts,
    env: { ...shared, DATABASE_URL: urls.database },
  })
  const host = createHost(stack, {
    dir,
    env: {
      ...shared,
      DOCKER_HOST: urls.engine,
      GPULAB_STATE_DIR: options.agentDir ?? join(dir, 'agent'),
      GPULAB_JOIN_TOKEN_FILE: controlPlane.joinTokenFile,
      GPULAB_API_URL: agentLink?.url ?? urls.agent,
      GPULAB_NVIDIA_SMI: engine.nvidiaSmi,
    },
  })
  return { dir, database, engine, image: busybox.reference, points, proxies, urls, controlPlane, host }
}

/** Undefined until it has reported. */
async function findAgent(sql: Sql): Promise<string | undefined> {
  const [host] = await sql<{ boot: string }[]>`
    select boot_id as boot from hosts where engine_available and last_seq > 0`
  return host?.boot
}

const untilAnotherAgent = (sql: Sql, before: string | undefined): Promise<void> =>
  eventually(
    async () => {
      const now = await findAgent(sql)
      if (now === undefined || now === before) throw new Error('The agent has not reported yet.')
    },
    { timeoutMs: 30_000 },
  )

const tailLines = 12
const lineMax = 500

async function readTail(file: string): Promise<string> {
  const { stdout } = await run('tail', ['-n', `${tailLines}`, file])
  const lines = stdout.split('\n').map((line) => line.slice(0, lineMax))
  return `--- ${file}\n${lines.join('\n')}`
}
