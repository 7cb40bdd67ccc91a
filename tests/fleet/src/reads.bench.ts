import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { forEachInParallel } from './parallel.ts'
import { startSystem, type System } from './system.ts'

const rows = 1000
const connections = 32
const warmUpMs = 3000
const measureMs = 6000
const apiProgram = fileURLToPath(new URL('../../../apps/api/src/main.ts', import.meta.url))

/** Hosts that are well for ever, although no agent runs on them: an agent holds 512 containers. */
async function addHosts({ sql }: System): Promise<void> {
  for (const name of ['one', 'two', 'three']) {
    await sql`
      insert into hosts (name, public_key, joined_at, state_since, last_seen_at, engine_available, cpus, memory_bytes)
      values (${name}, ${randomBytes(32)}, now(), now(), '2200-01-01', true, 100000, ${2 ** 50})`
  }
}

/** Requests a second, over connections that stay open. The client shares the machine's cores. */
async function measure(url: string, apiKey: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const get = async (): Promise<void> => {
    const call = request(url, { agent, headers: { 'api-key': apiKey } }).end()
    const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage]
    response.resume()
    await once(response, 'end')
    if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
  }
  const ask = (ms: number): Promise<number> =>
    forEachInParallel(endless(), connections, get, performance.now() + ms)
  await ask(warmUpMs)
  const since = performance.now()
  const count = await ask(measureMs)
  agent.destroy()
  return (count * 1000) / (performance.now() - since)
}

function* endless(): Generator<undefined> {
  for (;;) yield undefined
}

it('answers reads of a team with 1,000 containers fast enough', { timeout: 180_000 }, async () => {
  await using stack = new AsyncDisposableStack()
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-reads-'))
  stack.defer(() => rm(dir, { recursive: true, force: true }))
  await chmod(dir, 0o711)
  const system = stack.use(await startSystem({ dir, apiProgram, apiFlags: [], profile: false }))
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
  const figures = {
    'GET /v1/containers': await measure(`${apiUrl}/v1/containers`, key),
    'GET /v1/containers/:uuid': await measure(`${apiUrl}/v1/containers/${one?.uuid}`, key),
    'GET /v1/account': await measure(`${apiUrl}/v1/account`, key),
  }
  const errors = (await readFile(join(dir, 'api.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"level":50'))
  expect(errors).toEqual([])
  for (const [what, perSecond] of Object.entries(figures)) {
    console.log(`${what.padEnd(34)}${perSecond.toFixed(0).padStart(9)} a second`)
  }
})
