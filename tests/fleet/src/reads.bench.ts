import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { forEachInParallel } from './parallel.ts'
import { measureRate } from './request-rate.ts'
import { startSystem, type System } from './system.ts'
import { measureLoad } from './usage.ts'

// Such as --cpu-prof --cpu-prof-dir=DIR.
const apiFlags = process.env['GPULAB_BENCH_API_FLAGS']?.split(' ') ?? []
const rows = 1000
const options = { connections: 32, warmUpMs: 3000, measureMs: 6000 }
const bareProgram = fileURLToPath(new URL('bare-server.ts', import.meta.url))
const apiProgram = fileURLToPath(new URL('../../../apps/api/src/main.ts', import.meta.url))

/** Hosts that are well for ever, although no agent runs on them: an agent holds 512 containers. */
async function addHosts({ sql }: System): Promise<void> {
  for (const name of ['one', 'two', 'three']) {
    await sql`
      insert into hosts (name, public_key, joined_at, state_since, last_seen_at, engine_available, cpus, memory_bytes)
      values (${name}, ${randomBytes(32)}, now(), now(), '2200-01-01', true, 100000, ${2 ** 50})`
  }
}

/** Fastify alone, with the same answer. */
async function startBare(stack: AsyncDisposableStack, body: string): Promise<{ url: string; pid: number }> {
  const child = spawn(process.execPath, [bareProgram, body], { stdio: ['ignore', 'pipe', 'inherit'] })
  stack.defer(() => void child.kill())
  const [url] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: url.toString(), pid: child.pid ?? 0 }
}

it('answers reads of a team with 1,000 containers fast enough', { timeout: 180_000 }, async () => {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-reads-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o711)
  const system = stack.use(await startSystem({ dir, apiProgram, apiFlags, profile: apiFlags.length > 0 }))
  const { client, apiUrl } = system
  await addHosts(system)
  const names = Array.from({ length: rows }, () => randomUUID())
  const body = (name: string) => ({ name, image: 'x', env: { A: '1', B: '2' }, memory_bytes: 2 ** 30 })
  await forEachInParallel(
    names.values(),
    16,
    async (name) => void (await client.containers.create({ body: body(name) })),
  )
  const [one] = (await client.containers.list({})).items
  const { key } = await client.apiKeys.create({ body: { name: 'bench' } })
  const headers = { 'api-key': key }
  const path = `/v1/containers/${one?.uuid}`
  const answer = await fetch(`${apiUrl}${path}`, { headers })
  const bare = await startBare(stack, await answer.text())
  const programs = { API: [system.apiPid()], PostgreSQL: [system.postgresPid ?? 0], clients: [process.pid] }
  const measure = async (what: string, url: string, measured: Record<string, number[]>): Promise<void> => {
    const { result, load } = await measureLoad(measured, () => measureRate(url, headers, options))
    // For each answer, which a busy machine changes less than how many there are.
    const microseconds = Object.entries(load).map(
      ([name, { cpuPercent }]) => `${name} ${((cpuPercent * 1e4) / result).toFixed(0)}`,
    )
    console.log(
      `${what.padEnd(34)}${result.toFixed(0).padStart(9)} a second; µs CPU: ${microseconds.join(', ')}`,
    )
  }
  await measure('GET /v1/containers', `${apiUrl}/v1/containers`, programs)
  await measure('GET /v1/containers/:uuid', `${apiUrl}${path}`, programs)
  await measure('the same bytes from bare Fastify', `${bare.url}${path}`, {
    Fastify: [bare.pid],
    clients: [process.pid],
  })
  await measure('GET /v1/account', `${apiUrl}/v1/account`, programs)
  const errors = (await readFile(join(dir, 'api.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"level":50'))
  expect(errors).toEqual([])
})
