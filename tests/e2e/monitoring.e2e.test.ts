import { eventually } from '@gpulab/testing'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSystem, type System } from './src/start-system.ts'

const tenantName = 'a-name-that-tenants-chose'

let system: System
let uuid: string
beforeAll(async () => {
  system = await startSystem({ logLevel: 'info' })
  const args = ['--name', tenantName, '--template', 'ubuntu', '--gpu-type', 'RTX 4090', '--wait']
  uuid = (await system.json<{ uuid: string }>('deploy', ...args)).uuid
})
afterAll(() => system[Symbol.asyncDispose]())

type Part = keyof System['monitors']

async function ask(name: Part, path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://${system.monitors[name]}${path}`)
  return { status: response.status, text: await response.text() }
}

/** By name and labels, as they are written. */
async function readMetrics(name: Part): Promise<Map<string, number>> {
  const { status, text } = await ask(name, '/metrics')
  expect(status).toBe(200)
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

const parts = ['api', 'agent', 'gateway'] as const

describe('api, agent and gateway', () => {
  it.each(parts)('%s lives and is ready', async (name) => {
    await eventually(async () => expect((await ask(name, '/readyz')).text).toContain('"ready"'))
    expect((await ask(name, '/healthz')).status).toBe(200)
  })

  it('tell of the fleet, of GPUs, of sessions and of their own work', async () => {
    const { stdout: session } = await system.gpulab(['exec', '-d', uuid, '--', 'sleep', '60'])
    await eventually(
      async () => {
        const api = await readMetrics('api')
        expect(Object.fromEntries(api)).toMatchObject({
          'gpulab_containers{state="running"}': 1,
          'gpulab_containers{state="failed"}': 0,
          'gpulab_hosts{state="active"}': 1,
          gpulab_gpu_leases: 1,
          gpulab_queue_length: 0,
          gpulab_uplinks: 1,
          'gpulab_placement_duration_seconds_count{outcome="placed"}': 1,
        })
        expect(api.get('gpulab_db_pool_size')).toBeGreaterThan(0)
        expect(api.get('gpulab_db_transaction_duration_seconds_count{outcome="committed"}')).toBeGreaterThan(
          1,
        )
        expect(
          api.get(
            'gpulab_http_request_duration_seconds_count{method="POST",route="/v1/containers",code="201"}',
          ),
        ).toBe(1)
      },
      { timeoutMs: 20_000 },
    )
    const agent = await readMetrics('agent')
    expect(Object.fromEntries(agent)).toMatchObject({
      'gpulab_agent_containers{state="running"}': 1,
      gpulab_agent_engine_up: 1,
      gpulab_agent_sessions_open: 1,
      'gpulab_docker_call_duration_seconds_count{call="POST /containers/create",outcome="ok"}': 1,
      'gpulab_agent_step_duration_seconds_count{step="start",outcome="ok"}': 1,
    })
    // To the API and to the gateway.
    await eventually(async () => expect((await readMetrics('agent')).get('gpulab_agent_uplinks')).toBe(2))
    for (const [name, limit] of [
      ['gpulab_gpu_utilization_ratio', 1],
      ['gpulab_gpu_memory_total_bytes', 200 * 2 ** 30],
      ['gpulab_gpu_temperature_celsius', 120],
    ] as const) {
      const cards = [...agent].filter(([key]) => key.startsWith(`${name}{`))
      expect(cards.length).toBeGreaterThan(0)
      for (const [key, value] of cards) {
        expect(key).toMatch(/\{gpu="GPU-[^"]+",type="NVIDIA [^"]+"\}/)
        expect(value).toBeLessThanOrEqual(limit)
      }
    }
    await eventually(async () => expect((await readMetrics('gateway')).get('gpulab_uplinks')).toBe(1))
    await system.gpulab(['sessions', 'kill', uuid, session.trim()])
  })

  it.each(parts)('%s has few series, and nothing in them that tenants chose', async (name) => {
    const { text } = await ask(name, '/metrics')
    expect(text).not.toContain(tenantName)
    expect(text).not.toContain(uuid)
    expect(text.split('\n').length).toBeLessThan(2500)
  })

  it('tell none of it where tenants can ask', async () => {
    for (const url of [system.apiUrl, `http://127.0.0.1:${system.gateway.port}`])
      expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })
})

interface LogLine {
  readonly reqId?: string
  readonly req?: { readonly url: string }
  readonly res?: { readonly statusCode: number }
}

const readLog = (name: string): LogLine[] =>
  readFileSync(join(system.dir, name), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine)

describe('the id of a request', () => {
  it('leads from the CLI through the logs of API and agent', async () => {
    const { stderr } = await system.gpulab(['exec', '--debug', '--json', uuid, '--', 'true'])
    const ids = [...stderr.matchAll(/x-request-id: (\S+)/g)].map(([, id]) => id)
    const isExec = ({ req }: LogLine): boolean => /\/exec(-command)?$/.test(req?.url ?? '')
    await eventually(() => {
      const asked = readLog('api.log').find((line) => isExec(line) && ids.includes(line.reqId))
      expect(asked).toMatchObject({ res: { statusCode: 200 } })
      const done = readLog('agent.log').filter(({ reqId }) => reqId === asked?.reqId)
      expect(done).toContainEqual(expect.objectContaining({ res: { statusCode: 200 } }))
    })
  })

  it('is what the CLI shows of a failure', async () => {
    const { stderr } = await system.gpulab(['inspect', '--json', 'a-missing-one'])
    const { error } = JSON.parse(stderr) as { error: { request_id: string } }
    await eventually(() => expect(readLog('api.log').map(({ reqId }) => reqId)).toContain(error.request_id))
    const { stderr: text } = await system.gpulab(['ls', '--api-url', 'http://127.0.0.1:1', '--timeout', '1'])
    expect(text).toMatch(/^ {2}Request id: req_\w{16}$/m)
  })

  it('is on what the gateway refuses', async () => {
    const { headers } = await fetch(`http://127.0.0.1:${system.gateway.port}/nothing`, {
      headers: { 'x-request-id': 'req_of-a-client' },
    })
    expect(headers.get('x-request-id')).toBe('req_of-a-client')
  })
})
