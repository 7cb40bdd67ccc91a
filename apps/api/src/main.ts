import { createAuditLog } from './audit/audit-log.ts'
import { GpulabError } from '@gpulab/contract'
import { startPostgres } from '@gpulab/embedded-postgres'
import { createFailPoints } from '@gpulab/fail-points'
import { countRequests, createReadiness, serveMonitoring } from '@gpulab/monitoring'
import { collectAsBytesPass } from '@gpulab/transport'
import { parseArgs } from 'node:util'
import { createApp } from './app.ts'
import { bootstrap } from './auth/bootstrap.ts'
import { type Config, readConfig, settings, withFlags } from './config.ts'
import { connect, type ConnectOptions, ping } from './db/connect.ts'
import { createDatabaseClock } from './db/database-clock.ts'
import { migrateDatabase } from './db/migrate.ts'
import { createSignals } from './db/signals.ts'
import { seedGpuTypes } from './gpus/seed.ts'
import { inviteHost } from './hosts/identity/invite.ts'
import { readInvitation } from './hosts/identity/read-invitation.ts'
import { drain } from './drain.ts'
import { listen } from './listen.ts'
import { createLog } from './log.ts'
import { registerFleetGauges } from './metrics/fleet-gauges.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createHostsCheck } from './replicas/hosts-check.ts'
import { keepAnnounced } from './replicas/keep-announced.ts'
import { runSweep } from './sweep/run-sweep.ts'
import { seedTemplates } from './templates/seed.ts'
import { createUplinks } from '@gpulab/http'
import { version } from './version.ts'

const usage = `gpulab-api: the control plane of GPULab

  gpulab-api [serve]                            serve until SIGTERM
  gpulab-api bootstrap --email E [--team NAME]  make the first administrator and print its API key
  gpulab-api invite [--host-name N] [--uses N] [--ttl S]
                                                print a token with which a machine may join as a host
  gpulab-api --version | --help

Flags, or environment variables in their place:
${settings.map(toHelpLine).join('\n')}`

function toHelpLine({ name, flag, description }: (typeof settings)[number]): string {
  return `  ${(flag === undefined ? '' : `--${flag}`).padEnd(24)}${name.padEnd(28)}${description}`
}

/** Opens the database, embedded where no other is named, with the schema up to date. Closed with the stack. */
async function openDatabase(
  config: Config,
  stack: AsyncDisposableStack,
  onTransaction?: ConnectOptions['onTransaction'],
) {
  const server =
    config.databaseUrl === undefined ? await startPostgres({ dataDir: config.dataDir }) : undefined
  // An administrator's command may have found the server of a running API.
  if (server && !server.adopted) stack.defer(() => server.stop())
  const url = config.databaseUrl ?? server?.url ?? ''
  await migrateDatabase(url)
  const connection = connect(url, { onTransaction })
  stack.defer(() => connection.close())
  return { ...connection, pid: server?.pid }
}

async function serve(config: Config): Promise<void> {
  collectAsBytesPass()
  await using stack = new AsyncDisposableStack()
  const log = createLog(config)
  const metrics = createMetrics()
  const { db, sql, pool, pid } = await openDatabase(config, stack, metrics.transacted)
  await seedGpuTypes({ db })
  await seedTemplates({ db, config })
  const signals = await createSignals(sql)
  const uplinks = createUplinks()
  const clock = stack.use(await createDatabaseClock(db))
  const failPoint = createFailPoints(process.env)
  const readiness = createReadiness({
    database: () => ping(db),
    ...(config.uplinkUrl !== undefined && { hosts: createHostsCheck({ config, db, clock, uplinks }) }),
  })
  const audit = createAuditLog(db)
  stack.defer(() => audit.settled())
  const deps = { config, db, signals, uplinks, audit, clock, log, failPoint, metrics, readiness }
  const app = createApp(deps)
  const requests = countRequests(app, readiness)
  registerFleetGauges(metrics.registry, deps, pool)
  stack.defer(() => app.close())
  if (config.monitorListen !== undefined) {
    stack.defer(await serveMonitoring(config.monitorListen, { registry: metrics.registry, readiness }))
  }
  const listening = await listen(app, config.listen)
  stack.defer(() => {
    signals.close()
    uplinks.close()
    listening.close()
  })
  const stopping = new AbortController()
  const working = Promise.all([runSweep(deps, stopping.signal), keepAnnounced(deps, stopping.signal)])
  stack.defer(async () => {
    stopping.abort()
    await working
  })
  log.info({ version, listen: config.listen }, 'ready')
  const reason = await untilStopped(pid)
  log.info({ reason }, 'stopping')
  const hurry = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => hurry.abort())
  await drain({ ...deps, requests, stopListening: listening.stop }, hurry.signal)
}

const watchMs = 1000

/** Until a signal, or until the embedded server is gone: whoever supervises us then starts both anew. */
async function untilStopped(databasePid: number | undefined): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  process.once('SIGTERM', resolve).once('SIGINT', resolve)
  const watch = (): void => {
    try {
      if (databasePid !== undefined) process.kill(databasePid, 0)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ESRCH') {
        reject(
          new GpulabError('database_unavailable', { message: 'The embedded PostgreSQL has ended.', cause }),
        )
      }
    }
  }
  const timer = setInterval(watch, watchMs)
  return promise.finally(() => clearInterval(timer))
}

async function makeAdministrator(config: Config, email: string | undefined, team: string): Promise<void> {
  if (!email || !/^[^@\s]+@[^@\s]+$/.test(email)) {
    throw new GpulabError('input_required', { message: 'bootstrap needs --email with an address.' })
  }
  await using stack = new AsyncDisposableStack()
  const { db } = await openDatabase(config, stack)
  const { apiKey } = await bootstrap({ db, config }, { email, team })
  console.error(`The API key of ${email}; it is shown only now:`)
  console.log(apiKey)
}

async function makeJoinToken(config: Config, flags: Readonly<Record<string, unknown>>): Promise<void> {
  const invitation = readInvitation(flags)
  await using stack = new AsyncDisposableStack()
  const { db } = await openDatabase(config, stack)
  const deps = { db, config, clock: { now: () => new Date() } }
  const { token, host_name: name, uses, expires_at: expiresAt } = await inviteHost(deps, invitation)
  const machines = uses === 1 ? 'one machine' : `${uses} machines`
  const who = name === null ? machines : `host ${name}`
  console.error(`A join token for ${who}, until ${expiresAt}; it is shown only now:`)
  console.log(token)
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      ...Object.fromEntries(
        settings.flatMap(({ flag }) => (flag === undefined ? [] : [[flag, { type: 'string' as const }]])),
      ),
      email: { type: 'string' },
      team: { type: 'string', default: 'default' },
      'host-name': { type: 'string' },
      uses: { type: 'string' },
      ttl: { type: 'string' },
      version: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const [command = 'serve'] = positionals
  if (values.version) return console.log(`gpulab-api ${version}`)
  if (values.help) return console.log(usage)
  const config = (): Config => readConfig(withFlags(process.env, values))
  if (command === 'bootstrap') return makeAdministrator(config(), values.email, values.team)
  if (command === 'invite') return makeJoinToken(config(), values)
  if (command === 'serve') return serve(config())
  throw new GpulabError('invalid_request', {
    message: `Unknown command "${command}".`,
    hint: 'See gpulab-api --help.',
  })
}

try {
  await main()
} catch (error) {
  const failure = error as Error & { code?: string }
  console.error(`gpulab-api: ${failure.message}`)
  if (failure instanceof GpulabError) console.error(failure.hint ?? 'See docs/operators.md.')
  else if (failure.code?.startsWith('ERR_PARSE_ARGS')) console.error('See gpulab-api --help.')
  else console.error(failure.stack)
  process.exitCode = failure instanceof GpulabError ? failure.exitCode : 1
}
// The driver may leave connections of an ended pool open: their timers would hold the process for minutes.
process.exit()
