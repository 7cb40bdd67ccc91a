import { GpulabError } from '@gpulab/contract'
import { startPostgres } from '@gpulab/embedded-postgres'
import pino from 'pino'
import { parseArgs } from 'node:util'
import { createApp } from './app.ts'
import { bootstrap } from './auth/bootstrap.ts'
import { type Config, readConfig, settings, withFlags } from './config.ts'
import { connect } from './db/connect.ts'
import { migrateDatabase } from './db/migrate.ts'
import { createSignals } from './db/signals.ts'
import type { Deps } from './deps.ts'
import { seedGpuTypes } from './gpus/seed.ts'
import { listen } from './listen.ts'
import { seedTemplates } from './templates/seed.ts'
import { createUplinks } from './uplinks/uplinks.ts'
import { version } from './version.ts'

const usage = `gpulab-api: the control plane of GPULab

  gpulab-api [serve]                            serve until SIGTERM
  gpulab-api bootstrap --email E [--team NAME]  make the first administrator and print its API key
  gpulab-api --version | --help

Flags, or environment variables in their place:
${settings.map(toHelpLine).join('\n')}`

function toHelpLine({ name, flag, description }: (typeof settings)[number]): string {
  return `  ${(flag === undefined ? '' : `--${flag}`).padEnd(24)}${name.padEnd(28)}${description}`
}

/** Opens the database, embedded where no other is named, with the schema up to date. */
async function openDatabase(config: Config) {
  const server =
    config.databaseUrl === undefined ? await startPostgres({ dataDir: config.dataDir }) : undefined
  const url = config.databaseUrl ?? server?.url ?? ''
  await migrateDatabase(url)
  const connection = connect(url)
  return {
    ...connection,
    close: async () => {
      await connection.close()
      // An administrator's command may have found the server of a running API.
      if (server && !server.adopted) await server.stop()
    },
  }
}

async function serve(config: Config): Promise<void> {
  const log = pino({
    level: config.logLevel,
    redact: ['req.headers["api-key"]', 'req.headers.authorization'],
  })
  const database = await openDatabase(config)
  const { db, sql } = database
  await seedGpuTypes({ db })
  await seedTemplates({ db, config })
  const signals = await createSignals(sql)
  const uplinks = createUplinks()
  const deps: Deps = { config, db, signals, uplinks, clock: { now: () => new Date() }, log }
  const app = createApp(deps)
  const closeListeners = await listen(app, config.listen)
  log.info({ version, listen: config.listen }, 'ready')

  const { promise: stopped, resolve: stop } = Promise.withResolvers<NodeJS.Signals>()
  process.once('SIGTERM', stop).once('SIGINT', stop)
  log.info({ signal: await stopped }, 'stopping')
  signals.close()
  uplinks.close()
  closeListeners()
  await app.close()
  await database.close()
}

async function makeAdministrator(config: Config, email: string | undefined, team: string): Promise<void> {
  if (!email || !/^[^@\s]+@[^@\s]+$/.test(email)) {
    throw new GpulabError('input_required', { message: 'bootstrap needs --email with an address.' })
  }
  const { db, close } = await openDatabase(config)
  try {
    const { apiKey } = await bootstrap({ db, config }, { email, team })
    console.error(`The API key of ${email}; it is shown only now:`)
    console.log(apiKey)
  } finally {
    await close()
  }
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
      version: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const [command = 'serve'] = positionals
  if (values.version) return console.log(`gpulab-api ${version}`)
  if (values.help) return console.log(usage)
  const config = (): Config => readConfig(withFlags(process.env, values))
  if (command === 'bootstrap') return makeAdministrator(config(), values.email, values.team)
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
  if (failure instanceof GpulabError) console.error(failure.hint ?? '')
  else if (failure.code?.startsWith('ERR_PARSE_ARGS')) console.error('See gpulab-api --help.')
  else console.error(failure.stack)
  process.exitCode = failure instanceof GpulabError ? failure.exitCode : 1
}
