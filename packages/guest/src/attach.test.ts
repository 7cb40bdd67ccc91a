import { randomUUID } from 'node:crypto'
import { eventually } from '@gpulab/testing'
import fc from 'fast-check'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import type { GuestStream } from './guest-stream.ts'
import { collect, runShell } from './test-support/collect.ts'
import { untilGone } from './test-support/processes.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
afterAll(() => guest[Symbol.asyncDispose]())

const find = async (id: string) => (await connection.list()).find((row) => row.id === id)
const untilEnded = (id: string) => eventually(async () => expect((await find(id))?.ended).toBe(true))
/** "0000000\n0000001\n…": every offset tells what stands there. */
const numbers = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${String(from + index).padStart(7, '0')}\n`).join('')
const count = (lines: number) => `seq -f %07.0f 0 ${lines - 1}`

describe('input that is held back', () => {
  test(
    'is not closed to the next one who attaches: all of it comes through',
    { timeout: 60_000 },
    async () => {
      const id = randomUUID()
      const content = Buffer.alloc(2 << 20, 'x')
      const first = await connection.run({ id, argv: ['cat'], input: true, lossless: true })
      // Nobody takes what cat writes, so that cat reads no more, and the guest has all that it takes.
      first.ended.catch(() => undefined)
      first.write(content).catch(() => undefined)
      await eventually(async () => {
        const before = (await find(id))?.endOffset ?? 0
        await delay(100)
        const now = (await find(id))?.endOffset ?? 0
        expect(now).toBeGreaterThan(0)
        expect(now).toBe(before)
      })
      const second = await connection.attach(id, { lossless: true })
      expect(second.inputClosed).toBe(false)
      const { inputOffset } = second
      const collected = collect(second)
      await second.write(content.subarray(inputOffset))
      await second.endInput()
      const { stdout, ending } = await collected
      expect(stdout.length).toBe(content.length)
      expect(ending.exitCode).toBe(0)
    },
  )
})

describe('a session without a reader', () => {
  test('goes on, and is read later from any offset', async () => {
    const id = randomUUID()
    await (await runShell(connection, count(1000), { id, lossless: false })).detach()
    await untilEnded(id)
    for (const offset of [0, 1, 4000, 7999, 8000]) {
      const { stdout, lostBytes, ending } = await collect(await connection.attach(id, { offset }))
      expect(stdout.toString()).toBe(numbers(0, 1000).slice(offset))
      expect([lostBytes, ending.exitCode]).toEqual([0, 0])
    }
    await expect(connection.attach(id, { offset: 8001 })).rejects.toThrow(
      expect.objectContaining({ code: 'ERANGE' }),
    )
    await expect(connection.attach(randomUUID())).rejects.toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })

  test('keeps the newest of too much output, and says how much is gone', async () => {
    const id = randomUUID()
    const stream = await runShell(connection, count(100_000), { id, lossless: false, bufferBytes: 64 << 10 })
    await stream.detach()
    await untilEnded(id)
    const row = await find(id)
    expect(row?.endOffset).toBe(800_000)
    expect(row?.endOffset).toBeGreaterThan((row?.firstOffset ?? 0) + (40 << 10))
    expect(row?.endOffset).toBeLessThanOrEqual((row?.firstOffset ?? 0) + (64 << 10))
    const { stdout, lostBytes } = await collect(await connection.attach(id))
    expect(lostBytes).toBe(row?.firstOffset)
    expect(stdout.toString()).toBe(numbers(0, 100_000).slice(lostBytes))
  })

  test('keeps streams apart and in order however they alternate', async () => {
    const id = randomUUID()
    const script = 'i=0; while [ $i -lt 2000 ]; do echo $i; echo e$i >&2; i=$((i+1)); done'
    await (await runShell(connection, script, { id, lossless: false })).detach()
    await untilEnded(id)
    const { stdout, stderr } = await collect(await connection.attach(id))
    const lines = Array.from({ length: 2000 }, (_, index) => `${index}\n`)
    expect(stdout.toString()).toBe(lines.join(''))
    expect(stderr.toString()).toBe(lines.map((line) => `e${line}`).join(''))
  })
})

describe('a second reader', () => {
  test('takes the session over from the first', async () => {
    const id = randomUUID()
    const first = await runShell(connection, 'echo one; sleep 0.3; echo two', { id, lossless: false })
    const second = await connection.attach(id)
    await expect(collect(first)).rejects.toThrow(expect.objectContaining({ code: 'stale' }))
    expect((await collect(second)).stdout.toString()).toBe('one\ntwo\n')
  })

  test('of a lossless session gets what the first had not taken', async () => {
    const id = randomUUID()
    const first = await runShell(connection, count(200_000), { id })
    let text = ''
    for await (const item of first.output()) {
      if (item.kind !== 'gap') text += item.bytes.toString()
      if (text.length > 300_000) break
    }
    const second = await connection.attach(id, { offset: text.length, lossless: true })
    text += (await collect(second)).stdout.toString()
    expect(text).toBe(numbers(0, 200_000))
  })
})

describe('a restart of the agent', () => {
  beforeEach(async () => {
    await guest[Symbol.asyncDispose]()
    guest = await startTestGuest()
    connection = await guest.connect()
  })

  const restart = async (): Promise<void> => {
    await guest.stopAgent()
    connection = await guest.startAgent()
  }

  test('loses nothing of a lossless session, in or out', async () => {
    const id = randomUUID()
    const first = await runShell(connection, 'cat; echo over', { id, input: true })
    await first.write(Buffer.from('before\n'))
    const read = async (stream: GuestStream, bytes: number) => {
      let text = ''
      for await (const item of stream.output()) {
        if (item.kind !== 'gap') text += item.bytes.toString()
        if (text.length >= bytes) break
      }
      return text
    }
    expect(await read(first, 7)).toBe('before\n')
    await restart()
    await expect(first.ended).rejects.toThrow(expect.objectContaining({ code: 'lost' }))
    const second = await connection.attach(id, { offset: 7, lossless: true })
    expect([second.offset, second.inputOffset]).toEqual([7, 7])
    await second.write(Buffer.from('after\n'))
    await second.endInput()
    expect((await collect(second)).stdout.toString()).toBe('after\nover\n')
  })

  test('holds a lossless program back meanwhile', async () => {
    const id = randomUUID()
    await runShell(connection, count(300_000), { id })
    await restart()
    const { stdout, lostBytes } = await collect(await connection.attach(id, { lossless: true }))
    expect(lostBytes).toBe(0)
    expect(stdout.toString()).toBe(numbers(0, 300_000))
  })

  test('takes no input along that was on its way', async () => {
    const [id, flood] = [randomUUID(), randomUUID()]
    const sentBytes = 150 << 10
    const stream = await runShell(connection, 'cat > /dev/null', { id, input: true })
    // Until the guest grants that much at once.
    await stream.write(Buffer.alloc(1 << 20))
    await eventually(async () => expect((await find(id))?.inputOffset).toBe(1 << 20))
    // A guest that writes finds out first that nobody reads any more.
    const flooding = await runShell(connection, 'yes', { id: flood, lossless: false })
    await flooding.output().next()
    process.kill(guest.pid, 'SIGSTOP')
    try {
      for (let part = 0; part < 10; part++) await stream.write(Buffer.alloc(sentBytes / 10))
      flooding.take(64 << 10)
      await guest.stopAgent()
    } finally {
      process.kill(guest.pid, 'SIGCONT')
    }
    connection = await guest.startAgent()
    expect((await connection.attach(id)).inputOffset).toBe((1 << 20) + sentBytes)
    await Promise.all([id, flood].map((each) => connection.kill(each)))
  })

  test('is not waited for without end', async () => {
    const id = randomUUID()
    await runShell(connection, count(300_000), { id, patienceMs: 300 })
    await guest.stopAgent()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    connection = await guest.startAgent()
    await untilEnded(id)
    const { stdout, lostBytes } = await collect(await connection.attach(id, { lossless: true }))
    expect(lostBytes).toBeGreaterThan(0)
    expect(stdout.toString()).toBe(numbers(0, 300_000).slice(lostBytes))
  })

  test('leaves time-outs and other sessions as they were', async () => {
    const [timed, other] = [randomUUID(), randomUUID()]
    const mark = `1${Date.now()}`
    await runShell(connection, `sleep ${mark}; :`, { id: timed, timeoutMs: 300 })
    await runShell(connection, 'sleep 0.2; echo done; exit 4', { id: other, lossless: false })
    await guest.stopAgent()
    await untilGone(mark, 15_000)
    connection = await guest.startAgent()
    await untilEnded(timed)
    expect((await find(timed))?.ending?.timedOut).toBe(true)
    expect((await connection.waitForExit(other)).exitCode).toBe(4)
    expect((await collect(await connection.attach(other))).stdout.toString()).toBe('done\n')
  })

  test('is met within a second or so', async () => {
    await guest.stopAgent()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const start = performance.now()
    connection = await guest.startAgent()
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

describe('offsets', () => {
  test('are exact wherever the stream is cut', { timeout: 60_000 }, async () => {
    const lines = 60_000
    const expected = numbers(0, lines)
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 100_000 }), { maxLength: 6 }),
        fc.constantFrom('detach', 'takeover', 'reconnect'),
        async (cuts, how) => {
          const id = randomUUID()
          let stream = await runShell(connection, count(lines), { id })
          let text = ''
          for (const cut of [...cuts, Infinity]) {
            const until = text.length + cut
            for await (const item of stream.output()) {
              expect(item.offset).toBe(text.length)
              // A detached session is not held back, so some may be gone.
              text +=
                item.kind === 'gap'
                  ? expected.slice(text.length, text.length + item.lostBytes)
                  : item.bytes.toString()
              if (text.length >= until) break
            }
            if (text.length >= expected.length) break
            if (how === 'detach') await stream.detach()
            if (how === 'reconnect') {
              connection.destroy()
              connection = await guest.connect()
            }
            const offset = text.length
            stream = await connection.attach(id, { offset, lossless: true })
          }
          expect(text).toBe(expected)
          await connection.kill(id)
          await connection.forget(id).catch(() => undefined)
        },
      ),
      { numRuns: 25 },
    )
  })
})
