import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { connectEngine } from './connect.ts'
import { findContainer } from './containers.ts'

it('an answer that breaks off is an engine that has gone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-lost-answer-'))
  const socket = join(folder, 'docker.sock')
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 })
    response.write('{"Id":', () => setImmediate(() => response.destroy()))
  }).listen(socket)
  await once(server, 'listening')
  try {
    const found = findContainer(connectEngine(socket), 'any')
    await expect(found).rejects.toMatchObject({ name: 'EngineError', status: undefined, transient: true })
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
})
