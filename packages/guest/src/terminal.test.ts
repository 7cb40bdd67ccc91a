import { randomUUID } from 'node:crypto'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, endingOf, runShell, shell } from './test-support/collect.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection
const terminal = { columns: 100, rows: 30 }

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterAll(() => guest[Symbol.asyncDispose]())

const open = (script: string, id = randomUUID()) =>
  runShell(connection, script, { id, terminal, input: true, lossless: false })

const seen = (id: string, bytes: number) =>
  eventually(async () => {
    expect((await connection.list()).find((row) => row.id === id)?.endOffset).toBeGreaterThanOrEqual(bytes)
  })

describe('a terminal', () => {
  test('is one to the program, with its size', async () => {
    const { stdout } = await shell(
      connection,
      'tty; stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all',
      { terminal },
    )
    expect(stdout.toString()).toMatch(/^\/dev\/pts\/\d+\r\n30 100\r\nall\r\n$/)
  })

  test('is the controlling one', async () => {
    const { stdout } = await shell(connection, 'echo controlled >/dev/tty', { terminal })
    expect(stdout.toString()).toBe('controlled\r\n')
  })

  test('tells the program of a new size', async () => {
    const id = randomUUID()
    const all = collect(
      await open('trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.02; done', id),
    )
    await seen(id, 7)
    await connection.resize(id, 132, 43)
    expect((await all).stdout.toString()).toBe('ready\r\n43 132\r\n')
  })

  test('makes ^C of a byte', async () => {
    const id = randomUUID()
    const stream = await connection.run({ id, argv: ['cat'], terminal, input: true })
    const all = collect(stream)
    await stream.write(Buffer.from('x\n'))
    await seen(id, 6)
    await stream.write(Buffer.from('\x03'))
    expect((await all).ending).toEqual(endingOf({ exitCode: 130, signal: 'SIGINT' }))
  })

  test('echoes input and ends at the end of it', async () => {
    const stream = await open('cat; echo over')
    const all = collect(stream)
    await stream.write(Buffer.from('line\n'))
    await stream.endInput()
    expect((await all).stdout.toString()).toBe('line\r\nline\r\nover\r\n')
  })

  test('loses nothing of what was written just before the end', async () => {
    for (let round = 0; round < 30; round++) {
      const { stdout } = await shell(connection, 'seq 1 500', { terminal })
      expect(stdout.length).toBe(2392)
    }
  })

  test('is hung up for what its program leaves behind', async () => {
    const id = randomUUID()
    const start = performance.now()
    const { ending } = await shell(connection, 'sleep 50 & echo started', { id, terminal })
    expect(ending.exitCode).toBe(0)
    expect(performance.now() - start).toBeLessThan(3000)
  })

  test('is killed as a whole', async () => {
    const id = randomUUID()
    const stream = await open('setsid sleep 1000 & sleep 1000', id)
    await connection.kill(id)
    expect((await stream.ended).killed).toBe(true)
    expect((await connection.list()).find((row) => row.id === id)?.background).toBe(false)
  })

  test('belongs to sessions that asked for one', async () => {
    const id = randomUUID()
    await runShell(connection, 'exec sleep 100', { id })
    await expect(connection.resize(id, 80, 24)).rejects.toThrow(expect.objectContaining({ code: 'ENOTTY' }))
    await connection.kill(id)
  })
})
