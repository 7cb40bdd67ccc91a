import { eventually, findFreePort, run, startService } from '@gpulab/testing'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'
import { afterAll, beforeAll, expect, it } from 'vitest'
import config from '../rolldown.config.ts'

let dir: string
const program = (): string => join(dir, 'dist/main.js')

beforeAll(async () => {
  // Far from the checkout: nothing of it can be found by chance.
  dir = await mkdtemp(join(tmpdir(), 'gpulab-gateway-bundle-'))
  await build({
    ...config,
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    output: { ...config.output, dir: join(dir, 'dist') },
  })
})
afterAll(() => rm(dir, { recursive: true }))

it('tells its version, its settings, and what is wrong with them', async () => {
  expect((await run(process.execPath, [program(), '--version'])).stdout).toMatch(/^gpulab-gateway \d/)
  expect((await run(process.execPath, [program(), '--help'])).stdout).toContain('GPULAB_PROXY_URL')
  const { code, stderr } = await run(process.execPath, [program()])
  expect(code).not.toBe(0)
  expect(stderr).toContain('GPULAB_GATEWAY_KEY_FILE')
})

it('serves by itself, with all parts of the terminal page', async () => {
  const port = await findFreePort()
  await writeFile(join(dir, 'key'), 'a key of a bundle', { mode: 0o600 })
  const env = {
    GPULAB_LISTEN: `127.0.0.1:${port}`,
    GPULAB_API_URL: 'http://127.0.0.1:1',
    GPULAB_GATEWAY_KEY_FILE: join(dir, 'key'),
    GPULAB_PROXY_URL: 'http://proxy.localhost',
    GPULAB_UPLINK_URL: `http://127.0.0.1:${port}`,
  }
  const service = startService(process.execPath, [program()], env, join(dir, 'log'))
  await using _ = { [Symbol.asyncDispose]: () => service.stop() }
  await eventually(async () => void (await fetch(`http://127.0.0.1:${port}/healthz`)), { timeoutMs: 20_000 })
  const host = `00000000-0000-4000-8000-000000000000-terminal.proxy.localhost`
  const page = await readFile(new URL('../assets/terminal.html', import.meta.url), 'utf8')
  const parts = [...page.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? '')
  expect(parts.length).toBeGreaterThanOrEqual(5)
  for (const path of parts) {
    const { stdout } = await run('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--noproxy',
      '*',
      '-H',
      `Host: ${host}`,
      `http://127.0.0.1:${port}${path}`,
    ])
    expect([path, stdout]).toEqual([path, '200'])
  }
})
