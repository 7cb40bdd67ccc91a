import {
  createTestDatabase,
  eventually,
  findFreePort,
  run,
  startBalancer,
  startService,
  writeSecret,
} from '@gpulab/testing'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { sampleSshKey } from '../test/access-objects.ts'
import { migrateDatabase } from './db/migrate.ts'

const program = join(import.meta.dirname, 'main.ts')
const startMs = 60_000

async function startReplicas() {
  const stack = new AsyncDisposableStack()
  onTestFinished(() => stack.disposeAsync())
  const { url } = stack.use(await createTestDatabase({ migrate: migrateDatabase }))
  const dir = await mkdtemp(join(tmpdir(), 'gpulab-rolling-'))
  stack.defer(() => rm(dir, { recursive: true }))
  const shared = {
    DATABASE_URL: url,
    GPULAB_PEPPER_FILE: await writeSecret(dir, 'pepper'),
    GPULAB_ENCRYPTION_KEY_FILE: await writeSecret(dir, 'encryption-key'),
    GPULAB_RATE_FACTOR: '10000',
    GPULAB_DRAIN_DELAY: '3',
  }
  const made = await run(process.execPath, [program, 'bootstrap', '--email', 'ann@example.com'], {
    env: shared,
  })
  if (made.code !== 0) throw new Error(made.stderr)
  const replicas = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const port = await findFreePort()
      const logFile = join(dir, `${name}.log`)
      const env = { ...shared, GPULAB_LISTEN: `127.0.0.1:${port}` }
      const start = () => startService(process.execPath, [program], env, logFile)
      let service = start()
      stack.defer(() => service.stop())
      const untilReady = () =>
        eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200), {
          timeoutMs: startMs,
        })
      await untilReady()
      return {
        port,
        readLog: () => readFile(logFile, 'utf8'),
        restart: async () => {
          await service.stop('SIGTERM')
          service = start()
          await untilReady()
        },
      }
    }),
  )
  const balancer = stack.use(await startBalancer(replicas.map(({ port }) => port)))
  return { replicas, port: balancer.port, apiKey: made.stdout.trim(), stack }
}

/** One request, never repeated; the body as far as it came. */
function send(
  agent: Agent,
  { port, apiKey }: { port: number; apiKey: string },
  { method = 'GET', path, body }: { method?: string; path: string; body?: object },
): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const headers = { 'api-key': apiKey, ...(body && { 'content-type': 'application/json' }) }
  request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    response.once('error', reject).once('end', () => resolve({ status: response.statusCode ?? 0, text }))
  })
    .once('error', reject)
    .end(body && JSON.stringify(body))
  return promise
}

it(
  'two replicas are restarted one after the other under load, and no request fails',
  { timeout: 180_000 },
  async () => {
    const system = await startReplicas()
    const stopping = new AbortController()
    const failures: string[] = []
    let answered = 0
    const load = async (n: number): Promise<void> => {
      // Kept connections, as clients have them: what is asked on one must not be asked of a server that is leaving.
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      for (let turn = 0; !stopping.signal.aborted; turn++) {
        const call =
          turn % 3 === 0
            ? {
                method: 'POST',
                path: '/v1/ssh-keys',
                body: { name: `${n}-${turn}`, public_key: sampleSshKey() },
              }
            : { path: '/v1/containers' }
        try {
          const { status, text } = await send(agent, system, call)
          answered++
          if (status >= 300) failures.push(`${call.path}: ${status} ${text}`)
        } catch (error) {
          failures.push(`${call.path}: ${String(error)}`)
        }
        await wait(5)
      }
      agent.destroy()
    }
    const loads = Array.from({ length: 6 }, (_, n) => load(n))
    for (const { restart } of system.replicas) {
      const before = answered
      await restart()
      await eventually(() => expect(answered).toBeGreaterThan(before + 50), { timeoutMs: startMs })
    }
    stopping.abort()
    await Promise.all(loads)
    expect(failures).toEqual([])
    for (const { readLog } of system.replicas) {
      const log = await readLog()
      expect(log).toContain('"msg":"draining"')
      expect(log).toMatch(/"requests":0,"msg":"drained"/)
    }
  },
)
