import { eventually } from '@gpulab/testing'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Prometheus, startPrometheus } from './src/start-prometheus.ts'
import { startSystem, type System } from './src/start-system.ts'

const file = (name: string): string =>
  fileURLToPath(new URL(`../../infra/install/monitoring/${name}`, import.meta.url))

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}
const { panels } = JSON.parse(readFileSync(file('dashboard.json'), 'utf8')) as { panels: Panel[] }
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => [title, expr.replaceAll('$__rate_interval', '1m')] as const),
)

let system: System
let prometheus: Prometheus
let uuid: string
let stopAsking: () => Promise<void>

beforeAll(async () => {
  system = await startSystem()
  const { api, agent, gateway } = system.monitors
  prometheus = await startPrometheus({ api, agent, gateway })
  // Before the first of it happens there is nothing to have a rate.
  await eventually(
    async () => {
      if ((await prometheus.query('sum(up)'))[0] !== 3) throw new Error('Not everything is scraped yet')
    },
    { timeoutMs: 30_000 },
  )
  const args = ['--name', 'work', '--template', 'ubuntu', '--gpu-type', 'RTX 4090', '--wait']
  uuid = (await system.json<{ uuid: string }>('deploy', ...args)).uuid
  stopAsking = keepAsking()
})
afterAll(async () => {
  await stopAsking?.()
  await prometheus?.[Symbol.asyncDispose]()
  await system?.[Symbol.asyncDispose]()
})

/** Users who do something of everything. */
function keepAsking(): () => Promise<void> {
  const stopping = new AbortController()
  const ask = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await system.gpulab(['ls'])
      await system.gpulab(['exec', 'work', '--', 'true'])
      await system.gpulab(['restart', 'work', '--wait'])
      // A search for a place each time.
      await system.gpulab(['deploy', '--name', 'more', '--template', 'ubuntu', '--if-exists', 'replace'])
      await get(`${uuid}-8888.proxy.localhost`)
    }
  }
  const asking = ask()
  return async () => {
    stopping.abort()
    await asking
  }
}

const get = (host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port: system.gateway.port, headers: { host } }, (response) =>
      response.resume().once('end', resolve),
    )
      .once('error', reject)
      .end()
  })

describe('every query of the dashboard has an answer', () => {
  it.each(queries)('%s: %s', { timeout: 120_000 }, async (_title, query) => {
    await eventually(
      async () => {
        const values = await prometheus.query(query)
        expect(values.length).toBeGreaterThan(0)
        expect(values.some(Number.isFinite)).toBe(true)
      },
      { timeoutMs: 100_000, intervalMs: 1000 },
    )
  })
})

it('the alerts and the example of a configuration are what Prometheus reads', async () => {
  expect(await prometheus.check('rules', file('alerts.yml'))).toContain('SUCCESS: 9 rules found')
  expect(await prometheus.check('config', file('prometheus.yml'))).toContain('SUCCESS')
})
