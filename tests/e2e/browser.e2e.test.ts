import { makeCertificate } from '@gpulab/testing'
import Docker from 'dockerode'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBrowser } from './src/open-browser.ts'
import { testEngine } from './src/start-system.ts'

let browser: Browser
let folder: string
const server = createServer()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-browser-'))
  const certificate = await makeCertificate(folder, ['localhost'])
  const [cert, key] = await Promise.all(
    [certificate.certFile, certificate.keyFile].map((file) => readFile(file)),
  )
  server.setSecureContext({ cert, key })
  server.on('request', (_, answer) => answer.setHeader('connection', 'close').end('hello'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

/** Until it is told to stop; the number of networks that there were. */
async function changeNetworks(signal: AbortSignal): Promise<number> {
  const docker = new Docker({ socketPath: testEngine().dockerHost.replace('unix://', '') })
  let made = 0
  while (!signal.aborted) {
    const network = await docker.createNetwork({ Name: `gpulab-test-${process.pid}-${++made}` })
    await network.remove()
  }
  return made
}

describe('the browser of tests', () => {
  it('loads pages while engines make and remove networks', async () => {
    const stop = new AbortController()
    const changing = changeNetworks(stop.signal)
    const page = await browser.newPage({ ignoreHTTPSErrors: true })
    try {
      const { port } = server.address() as AddressInfo
      for (let nth = 0; nth < 20; nth++) {
        const answer = await page.goto(`https://${nth}.localhost:${port}`)
        expect(await answer?.text()).toBe('hello')
      }
    } finally {
      stop.abort()
    }
    expect(await changing).toBeGreaterThan(1)
  })
})
