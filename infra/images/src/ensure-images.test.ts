import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ensureImages } from './ensure-images.ts'

/** An engine that reaches a registry and has the given images; records what it is asked for. */
async function serveEngine(present: string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-images-'))
  const calls: string[] = []
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    calls.push(`${request.method} ${path}`)
    const image = /^\/images\/(.+)\/json$/.exec(path)?.[1]
    if (image !== undefined && !present.includes(image)) response.writeHead(404)
    response.end('{}\n')
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  return { dockerHost: `unix://${join(folder, 's')}`, calls }
}

test('images are pulled under their normal names where a registry is reachable, which is asked once', async () => {
  const { dockerHost, calls } = await serveEngine([])
  expect(await ensureImages({ dockerHost, keys: ['ubuntu', 'pytorch'] })).toEqual({
    ubuntu: { reference: 'ubuntu:22.04', standIn: false },
    pytorch: { reference: 'pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime', standIn: false },
  })
  expect(calls.filter((call) => call.startsWith('GET /distribution/'))).toHaveLength(1)
  expect(calls).toContain('POST /images/create?fromImage=ubuntu&tag=22.04')
})

test('images that the engine has are neither looked up nor pulled', async () => {
  const { dockerHost, calls } = await serveEngine(['ubuntu:22.04'])
  const { ubuntu } = await ensureImages({ dockerHost, keys: ['ubuntu'], offline: true })
  expect(ubuntu).toEqual({ reference: 'ubuntu:22.04', standIn: false })
  expect(calls).toEqual(['GET /images/ubuntu:22.04/json'])
})

test('an engine that does not run is an error, not a reason for stand-ins', async () => {
  await expect(ensureImages({ dockerHost: 'unix:///nonexistent.sock', keys: ['busybox'] })).rejects.toThrow(
    'ENOENT',
  )
})
