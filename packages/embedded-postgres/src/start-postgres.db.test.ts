import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { type PostgresServer, startPostgres } from './index.ts'

let dataDir: string
const cleanups: (() => Promise<void>)[] = []

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'gpulab-embedded-postgres-'))
})

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
  await rm(dataDir, { recursive: true, force: true })
})

async function start(
  options: { port?: number; durable?: boolean; signal?: AbortSignal; dataDir?: string } = {},
): Promise<PostgresServer> {
  const server = await startPostgres({ dataDir, durable: false, ...options })
  cleanups.push(() => server.stop())
  return server
}

async function query(server: Pick<PostgresServer, 'url'>, statement: string): Promise<unknown[]> {
  const sql = postgres(server.url, { max: 1, onnotice: () => undefined })
  try {
    return [...(await sql.unsafe(statement))]
  } finally {
    await sql.end()
  }
}

// A zombie that nobody has reaped yet has ended too, and disappears by itself.
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`)
const gone = (pid: number): Promise<void> => expect.poll(() => isAlive(pid)).toBe(false)

describe('starts', () => {
  test('a first time, with a password that only its owner can read', async () => {
    const server = await start()
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }])
    expect(server.port).toBe(Number(new URL(server.url).port))
    expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600)
    const wrong = { url: server.url.replace(/:[^:@]+@/, ':wrong@') }
    await expect(query(wrong, 'select 1')).rejects.toThrow(/password authentication failed/)
  })

  test('a durable cluster with fsync on', async () => {
    await using server = await startPostgres({ dataDir })
    expect(await query(server, 'show fsync')).toEqual([{ fsync: 'on' }])
  })

  test('a second time with its data and on its port', async () => {
    const first = await start()
    await query(first, 'create table kept (n int); insert into kept values (7)')
    await first.stop()
    const second = await start()
    expect(second.pid).not.toBe(first.pid)
    expect(second.port).toBe(first.port)
    expect(await query(second, 'select n from kept')).toEqual([{ n: 7 }])
  })

  test('after its server was killed, with all that was committed', async () => {
    const first = await start({ durable: true })
    await query(first, 'create table kept (n int); insert into kept values (7)')
    process.kill(first.pid, 'SIGKILL')
    const second = await start({ durable: true })
    expect(await query(second, 'select n from kept')).toEqual([{ n: 7 }])
  })

  test('on a port that its last holder is about to leave', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const starting = start({ port })
    await wait(100)
    other.close()
    expect((await starting).port).toBe(port)
  })

  test('although a start before it was killed in the middle of initdb', async () => {
    const abandoned = join(dataDir, 'initdb.999999999.abcdef')
    await mkdir(join(abandoned, 'cluster'), { recursive: true })
    await writeFile(join(abandoned, 'cluster/PG_VERSION'), '17\n')
    await start()
    expect(await readdir(dataDir)).not.toContain('initdb.999999999.abcdef')
  })

  test('side by side with another cluster', async () => {
    const [one, two] = await Promise.all([start(), start({ dataDir: join(dataDir, 'second') })])
    expect(one.port).not.toBe(two.port)
    await query(one, 'create table mine (n int)')
    await expect(query(two, 'select * from mine')).rejects.toThrow(/does not exist/)
  })

  test('on a free port when the one of last time is taken', async () => {
    const first = await start()
    await first.stop()
    const other = createServer().listen(first.port, '127.0.0.1')
    await once(other, 'listening')
    const second = await start()
    other.close()
    expect(second.port).not.toBe(first.port)
    expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('adopts', () => {
  test('a server that runs already, and stops it', async () => {
    const first = await start()
    const second = await start()
    expect(first.adopted).toBe(false)
    expect(second).toMatchObject({ pid: first.pid, port: first.port, url: first.url, adopted: true })
    await second.stop()
    await gone(first.pid)
    await first.stop()
  })

  test('the one server that came of starts at the same time', async () => {
    const servers = await Promise.all([start(), start(), start()])
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1)
    await Promise.all(servers.map((server) => query(server, 'select 1')))
    expect((await readdir(dataDir)).filter((name) => name.startsWith('initdb'))).toEqual([])
  })
})

describe('leaves nothing', () => {
  test('of its processes and shared memory after stop', async () => {
    const server = await start()
    const maps = await readFile(`/proc/${server.pid}/maps`, 'utf8')
    const shared = [...new Set(maps.match(/\/dev\/shm\/\S+/g))]
    expect(shared).not.toEqual([])
    await server.stop()
    await gone(server.pid)
    expect(shared.filter((path) => existsSync(path))).toEqual([])
    const creators = (await readFile('/proc/sysvipc/shm', 'utf8'))
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[4])
    expect(creators).not.toContain(String(server.pid))
    await server.stop()
  })

  test('of a server whose process was killed', async () => {
    const script = `
      import { startPostgres } from ${JSON.stringify(new URL('index.ts', import.meta.url).href)}
      const { pid } = await startPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: false })
      console.log(pid)
      setInterval(() => {}, 1000)`
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(owner.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    owner.kill('SIGKILL')
    await gone(pid)
  })

  test('of a start that is aborted', async () => {
    const controller = new AbortController()
    const starting = start({ signal: controller.signal })
    await expect.poll(() => readdir(dataDir)).toContainEqual(expect.stringMatching(/^initdb/))
    controller.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
    expect(await readdir(dataDir)).toEqual(['password'])
  })
})

describe('says in one sentence what is wrong', () => {
  const failure = (message: RegExp, hint: RegExp): object =>
    expect.objectContaining({
      code: 'database_unavailable',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    })

  test('with a port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await expect(start({ port })).rejects.toThrow(failure(/^Port \d+ on 127.0.0.1 is taken/, /another port/))
    other.close()
  })

  test('with a data directory that is a file', async () => {
    const file = join(dataDir, 'file')
    await writeFile(file, '')
    await expect(start({ dataDir: file })).rejects.toThrow(failure(/is not a directory\.$/, /Choose/))
  })

  test('with something else in the place of the cluster', async () => {
    await mkdir(join(dataDir, 'cluster/photos'), { recursive: true })
    await expect(start()).rejects.toThrow(failure(/cluster/, /another data directory/))
  })

  test('with a cluster of another major version', async () => {
    const server = await start()
    await server.stop()
    await writeFile(join(dataDir, 'cluster/PG_VERSION'), '12\n')
    await expect(start()).rejects.toThrow(
      failure(/made by PostgreSQL 12, and this release brings 17/, /Dump/),
    )
  })

  test('with a password that was lost', async () => {
    const server = await start()
    await server.stop()
    await rm(join(dataDir, 'password'))
    await expect(start()).rejects.toThrow(failure(/password file .* is missing/, /Restore/))
  })

  test('with a cluster that is broken', async () => {
    const server = await start()
    await server.stop()
    await rm(join(dataDir, 'cluster/global/pg_control'))
    await expect(start()).rejects.toThrow(
      failure(/did not start: could not find the database system/, /server\.log/),
    )
  })
})
