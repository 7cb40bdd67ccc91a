import { downloadPackage } from '@gpulab/images'
import { eventually, findFreePort, run, startService, writeSecret } from '@gpulab/testing'
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const program = (path: string): string => fileURLToPath(new URL(`../../apps/${path}`, import.meta.url))
/** An unprivileged user that every Debian has: the server refuses to be root. */
const nobody = 65534

const stack = new AsyncDisposableStack()
let dir: string
let tools: string
let libraries: string
let env: Record<string, string>

beforeAll(async () => {
  dir = stack.adopt(await mkdtemp(join(tmpdir(), 'gpulab-backup-')), (path) =>
    rm(path, { recursive: true, force: true }),
  )
  await chown(dir, nobody, nobody)
  for (const name of ['postgresql-15', 'postgresql-client-15', 'libpq5'])
    await downloadPackage(name, join(dir, 'packages'))
  tools = join(dir, 'packages/usr/lib/postgresql/15/bin')
  libraries = join(dir, `packages/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`)
  env = {
    GPULAB_PEPPER_FILE: await writeSecret(dir, 'pepper'),
    GPULAB_ENCRYPTION_KEY_FILE: await writeSecret(dir, 'encryption-key'),
  }
})
afterAll(() => stack.disposeAsync())

/** Runs one of PostgreSQL's programs as its user; fails the test if it fails. */
async function postgres(name: string, ...args: string[]): Promise<string> {
  const as = [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', join(tools, name)]
  const { code, stdout, stderr } = await run('setpriv', [...as, ...args], {
    env: { LD_LIBRARY_PATH: libraries },
  })
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${stderr}`)
  return stdout
}

/** A server of its own; gives the URL of its database `gpulab`. */
async function startServer(name: string): Promise<string> {
  const data = join(dir, name)
  await mkdir(data)
  await chown(data, nobody, nobody)
  await postgres('initdb', '--pgdata', data, '--username', 'gpulab', '--auth', 'trust', '--no-sync')
  const port = await findFreePort()
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`
  await postgres(
    'pg_ctl',
    '--pgdata',
    data,
    '--log',
    join(data, 'log'),
    '--wait',
    '--options',
    options,
    'start',
  )
  stack.defer(() => postgres('pg_ctl', '--pgdata', data, '--mode', 'fast', 'stop').then(() => undefined))
  await postgres('createdb', '--host', '127.0.0.1', '--port', String(port), '--username', 'gpulab', 'gpulab')
  return `postgres://gpulab@127.0.0.1:${port}/gpulab`
}

/** One with room that was heard of just now, and never again. */
const host = `insert into hosts
  (name, public_key, joined_at, state_since, last_seen_at, engine_available, cpus, memory_bytes, disk_bytes)
  values ('one', decode(repeat('00', 32), 'hex'), now(), now(), now(), true, 8, 64::bigint << 30, 0)`

interface Api extends AsyncDisposable {
  gpulab(...args: string[]): Promise<string>
}

async function startApi(databaseUrl: string, apiKey: string): Promise<Api> {
  const port = await findFreePort()
  const own = { ...env, DATABASE_URL: databaseUrl, GPULAB_LISTEN: `127.0.0.1:${port}` }
  const service = startService(program('api/bin/gpulab-api'), [], own, join(dir, `api-${port}.log`))
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), { timeoutMs: 60_000 })
  const user = { GPULAB_API_URL: url, GPULAB_API_KEY: apiKey, GPULAB_CONFIG: join(dir, 'config.json') }
  return {
    gpulab: async (...args) => {
      const { code, stdout, stderr } = await run(program('cli/bin/gpulab'), args, { env: user })
      if (code !== 0) throw new Error(`gpulab ${args.join(' ')} ended with ${code}: ${stderr}`)
      return stdout
    },
    [Symbol.asyncDispose]: () => service.stop(),
  }
}

it('a backup restored on another server has everything, and goes on', async () => {
  const first = await startServer('first')
  const made = await run(program('api/bin/gpulab-api'), ['bootstrap', '--email', 'ann@example.com'], {
    env: { ...env, DATABASE_URL: first },
  })
  expect(made.stderr).toContain('ann@example.com')
  const apiKey = made.stdout.trim()
  // So that its transactions have numbers which the second server has still to come to.
  await postgres(
    'psql',
    '--quiet',
    '--command',
    'do $$ begin for n in 1..5000 loop perform pg_current_xact_id(); commit; end loop; end $$',
    first,
  )
  await postgres('psql', '--quiet', '--command', host, first)
  let container: string
  {
    await using api = await startApi(first, apiKey)
    await api.gpulab('templates', 'create', 'ours', '--image', 'ubuntu:22.04', '--type', 'cpu')
    container = (
      await api.gpulab('deploy', '-q', '--name', 'kept', '--image', 'x', '--env', 'TOKEN=s3cret')
    ).trim()
  }
  const dump = join(dir, 'gpulab.dump')
  await postgres('pg_dump', '--format=custom', '--no-owner', `--file=${dump}`, first)

  const second = await startServer('second')
  await postgres('pg_restore', '--no-owner', '--exit-on-error', `--dbname=${second}`, dump)
  await using api = await startApi(second, apiKey)
  expect(await api.gpulab('templates')).toContain('ours')
  expect(await api.gpulab('inspect', '--show-env', '--json', 'kept')).toContain('s3cret')
  await api.gpulab('rm', '--force', 'kept')
  const events = (await api.gpulab('events', '--json')).trim().split('\n')
  expect(events.map((line) => (JSON.parse(line) as { status: string }).status)).toEqual([
    'deploying',
    'deleting',
  ])
  expect(events.every((line) => line.includes(container))).toBe(true)
})
