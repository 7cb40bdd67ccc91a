import { createServer, type RequestListener } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { callEngineJson, EngineError, toSocketPath } from './engine-api.ts'
import { pullImage } from './engine-images.ts'

async function serve(listener: RequestListener): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-engine-api-'))
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true })
  })
  return `unix://${join(folder, 's')}`
}

describe('toSocketPath', () => {
  test('takes unix:// addresses and paths', () => {
    expect(toSocketPath('unix:///a/b.sock')).toBe('/a/b.sock')
    expect(toSocketPath('/a/b.sock')).toBe('/a/b.sock')
  })

  test('refuses other addresses', () => {
    expect(() => toSocketPath('tcp://127.0.0.1:2375')).toThrow('no Unix socket')
  })
})

describe('callEngineJson', () => {
  test('gives the parsed answer', async () => {
    const engine = await serve((request, response) => response.end(JSON.stringify({ path: request.url })))
    expect(await callEngineJson(engine, '/version')).toEqual({ path: '/version' })
  })

  test("throws the Engine's own words with their status", async () => {
    const engine = await serve((_, response) => response.writeHead(404).end('{"message":"no such thing"}'))
    const failure = callEngineJson(engine, '/x')
    await expect(failure).rejects.toThrow(EngineError)
    await expect(failure).rejects.toMatchObject({ status: 404, message: 'no such thing' })
  })

  test('gives up on an engine that says nothing', async () => {
    const engine = await serve(() => undefined)
    await expect(callEngineJson(engine, '/x', { idleMs: 50 })).rejects.toThrow(
      'did not answer GET /x in time',
    )
  })
})

test('a failure that comes as a line of progress is thrown', async () => {
  const engine = await serve((_, response) =>
    response.end('{"status":"Pulling"}\n{"error":"no space left"}\n'),
  )
  await expect(pullImage(engine, 'a/b:1', 1000)).rejects.toThrow('no space left')
})
