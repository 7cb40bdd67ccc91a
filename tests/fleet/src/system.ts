import { api, type Client, createClient, type Transport } from '@gpulab/contract'
import { type PostgresServer, startPostgres } from '@gpulab/embedded-postgres'
import { createHttpTransport } from '@gpulab/transport'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import postgres from 'postgres'

export type ApiClient = Client<typeof api>

export interface SystemOptions {
  /** Of this run alone: database, secrets, logs. */
  readonly dir: string
  /** The API's program: a bundle or its source. */
  readonly apiProgram: string
  readonly apiFlags: readonly string[]
  /** Whether the server that is started counts its statements. */
  readonly profile: boolean
  /** A server's, for tests; without it one is started, as durable as in production. */
  readonly databaseUrl?: string
}

/** PostgreSQL and one API process, as on one machine in production. */
export interface System extends AsyncDisposable {
  readonly apiUrl: string
  readonly client: ApiClient
  readonly sql: postgres.Sql
  /** Of the server that was started for this run. */
  readonly postgresPid: number | undefined
  apiPid(): number
  /** Kills the API without a warning. */
  killApi(): Promise<void>
  /** Starts it again; resolves as soon as it answers. */
  startApi(): Promise<void>
}

export async function startSystem(options: SystemOptions): Promise<System> {
  await using stack = new AsyncDisposableStack()
  const { dir, apiProgram, apiFlags } = options
  const server =
    options.databaseUrl === undefined
      ? stack.use(await startServer(join(dir, 'pg'), options.profile))
      : undefined
  const databaseUrl = options.databaseUrl ?? server?.url ?? ''
  const port = await findFreePort()
  const apiUrl = `http://127.0.0.1:${port}`
  const env = { PATH: process.env['PATH'], ...(await writeSettings(dir)), DATABASE_URL: databaseUrl }
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [apiProgram, 'bootstrap', '--email', 'bench@example.com'],
    { env },
  )
  const transport = withIdempotencyKeys(createHttpTransport({ url: apiUrl }))
  const client = createClient(api, transport, { headers: { 'api-key': stdout.trim() } })

  let child: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    const timer = setTimeout(() => child?.kill('SIGKILL'), endMs)
    await exited
    clearTimeout(timer)
  }
  const startApi = async (): Promise<void> => {
    const log = await open(join(dir, 'api.log'), 'a')
    child = spawn(process.execPath, [...apiFlags, apiProgram, 'serve', '--listen', `127.0.0.1:${port}`], {
      env,
      cwd: dir,
      stdio: ['ignore', log.fd, log.fd],
    })
    await log.close()
    await untilAnswers(`${apiUrl}/healthz`, child)
  }
  stack.defer(() => end('SIGTERM'))
  await startApi()
  const sql = postgres(databaseUrl, { max: 2, onnotice: () => {} })
  stack.defer(() => sql.end())
  const owned = stack.move()
  return {
    apiUrl,
    client,
    sql,
    postgresPid: server?.pid,
    apiPid: () => child?.pid ?? 0,
    // A profile is written at an ordinary end only.
    killApi: () => end(options.profile ? 'SIGTERM' : 'SIGKILL'),
    startApi,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function startServer(dataDir: string, profile: boolean): Promise<PostgresServer> {
  const server = await startPostgres({ dataDir })
  if (!profile) return server
  const sql = postgres(server.url, { max: 1 })
  await sql`alter system set shared_preload_libraries = 'pg_stat_statements'`
  await sql.end()
  await server.stop()
  const again = await startPostgres({ dataDir })
  const other = postgres(again.url, { max: 1 })
  await other`create extension pg_stat_statements`
  await other.end()
  return again
}

async function writeSettings(dir: string): Promise<Record<string, string>> {
  const files = join(dir, 'secrets')
  await mkdir(files, { recursive: true, mode: 0o700 })
  const secret = async (name: string): Promise<string> => {
    const file = join(files, name)
    await writeFile(file, randomBytes(32).toString('hex'), { mode: 0o600 })
    return file
  }
  return {
    GPULAB_PEPPER_FILE: await secret('pepper'),
    GPULAB_ENCRYPTION_KEY_FILE: await secret('encryption-key'),
    // One key asks for all that a fleet's users would.
    GPULAB_RATE_FACTOR: '1000',
  }
}

/** As the CLI does. */
const withIdempotencyKeys = (transport: Transport): Transport => ({
  ...transport,
  request: (request) =>
    transport.request(
      request.method === 'POST'
        ? { ...request, headers: { ...request.headers, 'idempotency-key': randomUUID() } }
        : request,
    ),
})

async function findFreePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

const startMs = 30_000
const endMs = 10_000
const askAgainMs = 20

async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + startMs
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`The API ended with ${child.exitCode}; its log says why.`)
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return
    await wait(askAgainMs)
  }
  throw new Error('The API did not answer in time; its log says why.')
}
