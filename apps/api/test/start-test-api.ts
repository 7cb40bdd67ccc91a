import { createAuditLog } from '../src/audit/audit-log.ts'
import { api, type Client, createClient } from '@gpulab/contract'
import { createFailPoints } from '@gpulab/fail-points'
import { createFakeClock, createTestDatabase, type FakeClock } from '@gpulab/testing'
import { createHttpTransport } from '@gpulab/transport'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import pino from 'pino'
import { createApp } from '../src/app.ts'
import { bootstrap } from '../src/auth/bootstrap.ts'
import type { Config } from '../src/config.ts'
import { connect, type Connection } from '../src/db/connect.ts'
import { migrateDatabase } from '../src/db/migrate.ts'
import { createSignals, type Signals } from '../src/db/signals.ts'
import { seedGpuTypes } from '../src/gpus/seed.ts'
import { createMetrics } from '../src/metrics/metrics.ts'
import { listen } from '../src/listen.ts'
import { sweep } from '../src/sweep/run-sweep.ts'
import { seedTemplates } from '../src/templates/seed.ts'
import { createUplinks, type Uplinks } from '@gpulab/http'
import { createReadiness } from '@gpulab/monitoring'
import { inviteHost } from '../src/hosts/identity/invite.ts'
import { FakeHost } from './fake-host.ts'
import { joinAs, type TestIdentity } from './host-identity.ts'

export type ApiClient = Client<typeof api>

export interface TestApi extends AsyncDisposable {
  readonly url: string
  readonly clock: FakeClock
  readonly database: Connection
  readonly config: Config
  readonly uplinks: Uplinks
  readonly signals: Signals
  /** Of a first team, with all scopes. */
  readonly client: ApiClient
  readonly apiKey: string
  /** Of another team. */
  readonly stranger: ApiClient
  clientWith(apiKey: string, headers?: Readonly<Record<string, string>>): ApiClient
  /** Another API over the same database; with the first key unless told otherwise. */
  startReplica(apiKey?: string): Promise<ApiClient>
  /** What time alone brings about, once. */
  sweep(): Promise<void>
  /** A host that has joined, said hello and dialled in. The same name again is another run of its agent. */
  startHost(name: string, gpus?: readonly string[]): Promise<FakeHost>
}

/** The whole API on a database of its own and a free port, with a clock that stands still. */
export async function startTestApi(overrides: Partial<Config> = {}): Promise<TestApi> {
  const stack = new AsyncDisposableStack()
  const testDatabase = stack.use(await createTestDatabase({ migrate: migrateDatabase }))
  const database = connect(testDatabase.url)
  stack.defer(() => database.close())

  const config: Config = {
    listen: [],
    monitorListen: undefined,
    drainDelayMs: 0,
    drainTimeoutMs: 1000,
    tls: undefined,
    databaseUrl: testDatabase.url,
    dataDir: '',
    pepper: 'a pepper for the tests',
    encryptionKey: randomBytes(32),
    gatewayKey: 'a-key-for-the-gateways',
    proxyUrl: undefined,
    uplinkUrl: undefined,
    standIns: { 'ubuntu:22.04': 'gpulab.invalid/standin/ubuntu:22.04' },
    registries: [],
    volumeDriver: 'local',
    balanceWarningMs: 600_000,
    // Its clock stands still.
    rateFactor: 1000,
    logLevel: 'silent',
    ...overrides,
  }
  const { db, sql } = database
  await seedGpuTypes({ db })
  await seedTemplates({ db, config })
  const clock = createFakeClock(new Date())
  const uplinks = createUplinks()
  const signals = await createSignals(sql)
  const failPoint = createFailPoints({})
  const deps = {
    config,
    db,
    signals,
    uplinks,
    audit: createAuditLog(db),
    clock,
    log: pino({ level: config.logLevel }),
    failPoint,
    metrics: createMetrics(),
    readiness: createReadiness(),
  }
  const serve = async (): Promise<string> => {
    const app = createApp(deps)
    stack.defer(() => app.close())
    const socketPath = joinPath(tmpdir(), `gpulab-api-${randomBytes(6).toString('hex')}.sock`)
    const listening = await listen(app, [`unix:${socketPath}`])
    stack.defer(() => listening.close())
    return `unix:${socketPath}`
  }
  const url = await serve()
  stack.defer(() => {
    signals.close()
    uplinks.close()
  })

  const clientOf = (at: string, apiKey: string, headers: Readonly<Record<string, string>> = {}) =>
    createClient(api, createHttpTransport({ url: at }), { headers: { 'api-key': apiKey, ...headers } })
  const clientWith: TestApi['clientWith'] = (apiKey, headers) => clientOf(url, apiKey, headers)
  const identities = new Map<string, Promise<TestIdentity>>()
  const join = async (name: string): Promise<TestIdentity> => {
    const invitation = { hostName: name, ttlSeconds: 60, uses: 1, createdBy: null }
    const { token } = await inviteHost({ db, config, clock }, invitation)
    return joinAs(createHttpTransport({ url }), { name, token })
  }
  const { apiKey } = await bootstrap({ db, config }, { email: 'ann@example.com', team: 'red' })
  const other = await bootstrap({ db, config }, { email: 'bob@example.com', team: 'blue' })
  return {
    url,
    clock,
    database,
    config,
    uplinks,
    signals,
    apiKey,
    client: clientWith(apiKey),
    stranger: clientWith(other.apiKey),
    clientWith,
    sweep: () => sweep(deps),
    startReplica: async (key = apiKey) => clientOf(await serve(), key),
    startHost: async (name, gpus = []) => {
      const identity = await identities.getOrInsertComputed(name, join)
      return stack.use(await FakeHost.start({ url, identity, name, gpus }))
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
