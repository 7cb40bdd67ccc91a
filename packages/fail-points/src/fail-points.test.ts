import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createFailPoints } from './fail-points.ts'
import { failPointNames } from './names.ts'

async function listen(): Promise<{ path: string; next(): Promise<Socket> }> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-fail-points-'))
  const path = join(folder, 'socket')
  const server = createServer().listen(path)
  onTestFinished(async () => {
    server.close()
    await rm(folder, { recursive: true })
  })
  await once(server, 'listening')
  return { path, next: async () => ((await once(server, 'connection')) as [Socket])[0] }
}

describe('without a coordinator', () => {
  test('a point costs one resolved promise', () => {
    const failPoint = createFailPoints({})
    expect(failPoint('agent.create.before', 'a')).toBe(failPoint('agent.create.after'))
  })

  test('an empty name is none', async () => {
    await createFailPoints({ GPULAB_FAIL_POINTS: '' })('api.create.read')
  })

  test('a process goes on where nobody listens', async () => {
    await createFailPoints({ GPULAB_FAIL_POINTS: '/nonexistent/socket' })('api.create.read')
  })
})

describe('with a coordinator', () => {
  test('a process tells where it is and waits for the word', async () => {
    const { path, next } = await listen()
    let isOn = false
    const connection = next()
    const held = createFailPoints({ GPULAB_FAIL_POINTS: path })('agent.start.before', 'some-uuid').then(
      () => (isOn = true),
    )
    const socket = await connection
    const [line] = (await once(socket, 'data')) as [Buffer]
    expect(JSON.parse(line.toString())).toEqual({
      name: 'agent.start.before',
      subject: 'some-uuid',
      pid: process.pid,
    })
    expect(isOn).toBe(false)
    socket.end()
    expect(await held).toBe(true)
  })

  test('a coordinator that dies holds nobody', async () => {
    const { path, next } = await listen()
    const connection = next()
    const held = createFailPoints({ GPULAB_FAIL_POINTS: path })('agent.target.received')
    const socket = await connection
    socket.destroy()
    await held
  })
})

test('names are unique', () => {
  expect(new Set(failPointNames).size).toBe(failPointNames.length)
})
