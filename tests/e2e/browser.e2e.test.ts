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

/** Until it is told to stop; tells of each network that there was. */
async function changeNetworks(signal: AbortSignal, onChange: (nth: number) => void): Promise<void> {
  const docker = new Docker({ socketPath: testEngine().dockerHost.replace('unix://', '') })
  for (let nth = 1; !signal.aborted; nth++) {
    const network = await docker.createNetwork({ Name: `gpulab-test-${process.pid}-${nth}` })
    await network.remove()
    onChange(nth)
  }
}

describe('the browser of tests', () => {
  it('loads pages while engines make and remove networks', async () => {
    const stop = new AbortController()
    const changes: number[] = []
    const changing = changeNetworks(stop.signal, (nth) => changes.push(nth))
    const page = await browser.newPage({ ignoreHTTPSErrors: true })
    try {
      const { port } = server.address() as AddressInfo
      for (let nth = 0; nth < 20 || changes.length < 2; nth++) {
        const answer = await page.goto(`https://${nth}.localhost:${port}`)
        expect(await answer?.text()).toBe('hello')
      }
    } finally {
      stop.abort()
      await changing
    }
  })
})
