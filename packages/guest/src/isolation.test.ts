import { randomUUID } from 'node:crypto'
import { eventually } from '@gpulab/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect, runShell, shell } from './test-support/collect.ts'
import { readMemory, readProcessorMs } from './test-support/processes.ts'
import { isSlow, startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection

beforeEach(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterEach(() => guest[Symbol.asyncDispose]())

const floods = (count: number, options = {}) =>
  Promise.all(
    Array.from({ length: count }, () =>
      runShell(connection, 'exec yes', { bufferBytes: 8 << 20, ...options }),
    ),
  )
const bounded = async (limitKib: number, { pid } = guest): Promise<void> => {
  if (!isSlow) expect((await readMemory(pid)).residentKib).toBeLessThan(limitKib)
}

describe('streams that nobody reads', () => {
  test('hold back no other', { timeout: 30_000 }, async () => {
    const stalled = await floods(50)
    const writers = await Promise.all(
      Array.from({ length: 20 }, () => runShell(connection, 'exec sleep 1000', { input: true })),
    )
    for (const writer of writers) writer.write(Buffer.alloc(4 << 20)).catch(() => undefined)
    const start = performance.now()
    for (let round = 0; round < 20; round++) {
      expect((await shell(connection, 'echo quick')).stdout.toString()).toBe('quick\n')
    }
    expect((performance.now() - start) / 20).toBeLessThan(isSlow ? 2000 : 500)
    expect((await shell(connection, 'head -c 5000000 /dev/zero')).stdout.length).toBe(5_000_000)
    expect(stalled).toHaveLength(50)
    await bounded(20 << 10)
  })

  test('cost bounded memory in rings too', { timeout: 30_000 }, async () => {
    const streams = await floods(100, { lossless: false })
    for (const stream of streams.slice(0, 50)) await stream.detach()
    await eventually(
      async () => {
        const rows = await connection.list()
        // Each has dropped something.
        expect(rows.filter((row) => row.firstOffset > 0)).toHaveLength(100)
      },
      { timeoutMs: 20_000 },
    )
    await bounded(20 << 10)
    expect((await shell(connection, 'echo quick')).stdout.toString()).toBe('quick\n')
  })
})

describe('the memory', () => {
  test(
    'of a flood that is read stays flat, and idle sessions cost nearly none',
    { timeout: 30_000 },
    async () => {
      const stream = await runShell(connection, 'exec yes', { timeoutMs: 2000 })
      let bytes = 0
      for await (const item of stream.output()) if (item.kind !== 'gap') bytes += item.bytes.length
      expect(bytes).toBeGreaterThan(10 << 20)
      await bounded(3 << 10)
    },
  )

  test('is given back', { timeout: 30_000 }, async () => {
    const ids = Array.from({ length: 10 }, () => randomUUID())
    const streams = await Promise.all(
      ids.map((id) => runShell(connection, 'exec yes', { id, bufferBytes: 1 << 20 })),
    )
    await eventually(async () => {
      const kept = (await connection.list()).map((row) => row.endOffset - row.firstOffset)
      expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeGreaterThan(8 << 20)
    })
    for (const id of ids) await connection.kill(id)
    await Promise.all(streams.map((stream) => stream.detach()))
    for (const id of ids) await connection.forget(id)
    await bounded(3 << 10)
  })

  test('of a supervisor is small', { timeout: 30_000 }, async () => {
    await floods(20)
    const id = randomUUID()
    const stream = await runShell(connection, "grep RssAnon /proc/$PPID/status | tr -dc '0-9'", { id })
    const { stdout } = await collect(stream)
    if (!isSlow) expect(Number(stdout.toString())).toBeLessThan(150)
  })
})

describe('waiting', () => {
  test('costs no time of the processor, whatever is stuck', { timeout: 30_000 }, async () => {
    await floods(10)
    const writer = await runShell(connection, 'exec sleep 1000', { input: true })
    writer.write(Buffer.alloc(4 << 20)).catch(() => undefined)
    await shell(connection, 'sleep 1000 & exit')
    await runShell(connection, 'exec 1>&- 2>&-; sleep 1000')
    await runShell(connection, 'cat', { terminal: { columns: 80, rows: 24 }, lossless: false })
    const wait = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 700))
    const before = await eventually(async () => {
      const spent = await readProcessorMs(guest.pid)
      await wait()
      expect(await readProcessorMs(guest.pid)).toBe(spent)
      return spent
    })
    await wait()
    await guest.stopAgent()
    await wait()
    expect((await readProcessorMs(guest.pid)) - before).toBeLessThan(isSlow ? 200 : 60)
  })
})

describe('too many sessions', () => {
  test('are refused while all run, and replace those that ended', { timeout: 60_000 }, async () => {
    // Many long answers at once take their time on a machine with other things to do.
    await using patient = await startTestGuest({ answerTimeoutMs: 50_000 })
    const connection = await patient.connect()
    const ids = Array.from({ length: 256 }, () => randomUUID())
    for (const id of ids) await (await runShell(connection, 'exec sleep 1000', { id })).detach()
    await expect(runShell(connection, 'true')).rejects.toThrow(expect.objectContaining({ code: 'EUSERS' }))
    const lists = await Promise.all(Array.from({ length: 200 }, () => connection.list()))
    expect(lists.map((rows) => rows.length)).toEqual(lists.map(() => 256))
    await connection.kill(ids[7] ?? '')
    await shell(connection, 'true')
    await expect(connection.waitForExit(ids[7] ?? '')).rejects.toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    )
    await bounded(20 << 10, patient)
  })
})
