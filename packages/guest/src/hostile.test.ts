import { randomUUID, randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { frameType, sessionId, u32, u64 } from './protocol.ts'
import {
  encodeExit,
  encodeFrame,
  encodeHello,
  encodeOpened,
  openFakeGuest,
} from './test-support/fake-guest.ts'

const id = '0b8d6f5e-7f7a-4a53-9be0-3f1ea3a7a1aa'
const ending = Buffer.alloc(8)
const code = (name: string) => expect.objectContaining({ code: name })
/** The first stream of a connection. */
const first = 1

/** Starts a session that the fake guest opens, with so much input granted. */
async function openSession(fake: Awaited<ReturnType<typeof openFakeGuest>>, granted = 0) {
  const opening = fake.connection.run({ id: randomUUID(), argv: ['true'] })
  fake.guest.write(encodeOpened(first, granted))
  return opening
}

describe('a guest that breaks the protocol loses its connection', () => {
  test.each([
    ['with garbage', randomBytes(4096)],
    [
      'with a frame of 4 GiB',
      Buffer.concat([Buffer.from([137, 0, 0, 0, 1, 255, 255, 255, 255]), Buffer.alloc(100)]),
    ],
    ['with a second introduction', encodeHello()],
    ['with a type that does not exist', encodeFrame(200, first)],
    ['with an answer to nothing', encodeFrame(frameType.result, 99)],
    ['with output for nobody', encodeFrame(frameType.stdout, 99, Buffer.from('x'))],
    ['with empty output', encodeFrame(frameType.stdout, first)],
    ['by opening twice', encodeOpened(first)],
    [
      'by sending more than its window',
      Buffer.concat(
        Array.from({ length: 5 }, () => encodeFrame(frameType.stdout, first, Buffer.alloc(60_000))),
      ),
    ],
    ['by a gap of nothing', encodeFrame(frameType.gap, first, u64(0))],
    ['by gaps without end', Buffer.concat([1, 2].map(() => encodeFrame(frameType.gap, first, u64(5))))],
    ['by an impossible gap', encodeFrame(frameType.gap, first, Buffer.alloc(8, 0xff))],
    ['by granting too much', encodeFrame(frameType.grant, first, u32(0xffff_ffff))],
    ['by granting nothing', encodeFrame(frameType.grant, first, u32(0))],
    ['by closing its input twice', encodeFrame(frameType.closedInput, first)],
    ['by a detachment that nobody asked for', encodeFrame(frameType.result, first)],
    [
      'by output after the end of output',
      Buffer.concat([
        encodeFrame(frameType.endOutput, first),
        encodeFrame(frameType.stdout, first, Buffer.from('x')),
      ]),
    ],
    ['by an end that is too short', encodeFrame(frameType.exit, first, Buffer.alloc(3))],
    ['by speaking after its end', Buffer.concat([encodeExit(first), encodeExit(first)])],
    [
      'by exits without end',
      Buffer.concat(
        Array.from({ length: 300 }, () => encodeFrame(frameType.exited, 0, sessionId(id), ending)),
      ),
    ],
  ])('%s', async (_how, bytes) => {
    await using fake = await openFakeGuest({ windowBytes: 256 << 10 })
    const stream = await openSession(fake)
    fake.guest.write(bytes)
    expect((await fake.connection.closed).code).toBe('protocol')
    const ended = await stream.ended.then(
      () => 'ended',
      (error: { code: string }) => error.code,
    )
    expect(['ended', 'protocol']).toContain(ended)
    await expect(fake.connection.list()).rejects.toThrow(code('protocol'))
  })
})

describe('a guest that stalls', () => {
  test('on an answer loses its connection', async () => {
    await using fake = await openFakeGuest({ answerTimeoutMs: 50 })
    await expect(fake.connection.run({ id, argv: ['true'] })).rejects.toThrow(code('stalled'))
    expect((await fake.connection.closed).code).toBe('stalled')
  })

  test('on a kill does not: the rest may be well', async () => {
    await using fake = await openFakeGuest({ answerTimeoutMs: 10_000, killTimeoutMs: 50 })
    await expect(fake.connection.kill(id)).rejects.toThrow(code('stalled'))
    const rows = fake.connection.list()
    fake.guest.write(encodeFrame(frameType.result, 2))
    expect(await rows).toEqual([])
  })

  test('by reading nothing is found out, and what waits for it is bounded', { timeout: 20_000 }, async () => {
    await using fake = await openFakeGuest({ answerTimeoutMs: 500 })
    const stream = await openSession(fake, 1)
    fake.guest.pause()
    fake.guest.write(encodeFrame(frameType.grant, first, u32((1 << 20) - 1)))
    const before = process.memoryUsage()
    await expect(stream.write(Buffer.alloc(64 << 20))).rejects.toThrow(code('stalled'))
    expect((await fake.connection.closed).code).toBe('stalled')
    const after = process.memoryUsage()
    expect(after.external - before.external).toBeLessThan(68 << 20)
  })
})

describe('a guest that lies', () => {
  test('about lists is not believed beyond a frame', async () => {
    await using fake = await openFakeGuest()
    const rows = fake.connection.list()
    fake.guest.write(encodeFrame(frameType.result, first, Buffer.alloc(58 * 3 + 1)))
    await expect(rows).rejects.toThrow(code('protocol'))
  })

  test('with errors that do not exist is quoted', async () => {
    await using fake = await openFakeGuest()
    const answer = fake.connection.list()
    fake.guest.write(encodeFrame(frameType.error, first, u32(4_000_000_000)))
    await expect(answer).rejects.toThrow(code('E4000000000'))
  })

  test('about a version of another time is refused', async () => {
    const { decodeHello } = await import('./payloads.ts')
    const payload = (oldest: number, newest: number) => encodeHello(oldest, newest).subarray(9)
    expect(decodeHello(payload(1, 2)).version).toBe(1)
    expect(() => decodeHello(payload(2, 3))).toThrow(code('protocol'))
    expect(() => decodeHello(payload(0, 0))).toThrow(code('protocol'))
    expect(decodeHello(Buffer.concat([payload(1, 1), Buffer.alloc(40)])).uid).toBe(1000)
  })
})

describe('what a hostile guest sends', () => {
  test('byte by byte costs no more than its bytes', { timeout: 30_000 }, async () => {
    await using fake = await openFakeGuest()
    const stream = await openSession(fake)
    const window = 256 << 10
    const tiny = Buffer.concat([
      encodeFrame(frameType.stdout, first, Buffer.from('o')),
      encodeFrame(frameType.stderr, first, Buffer.from('e')),
    ])
    globalThis.gc?.()
    const before = process.memoryUsage()
    for (let sent = 0; sent < window; sent += 2000) {
      fake.guest.write(
        Buffer.concat(Array.from({ length: 1000 }, () => tiny)).subarray(
          0,
          Math.min(2000, window - sent) * 10,
        ),
      )
      await turn()
    }
    fake.guest.write(encodeExit(first))
    await stream.ended
    const after = process.memoryUsage()
    expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(40 << 20)
    let text = ''
    for await (const item of stream.output()) if (item.kind !== 'gap') text += item.bytes.toString()
    expect(text).toBe('oe'.repeat(window / 2))
  })

  test('after we left is dropped within its window', async () => {
    await using fake = await openFakeGuest()
    const stream = await openSession(fake)
    const left = stream.detach()
    fake.guest.write(encodeFrame(frameType.stdout, first, Buffer.alloc(1000)))
    fake.guest.write(encodeFrame(frameType.result, first))
    await left
    expect(stream.inputClosed).toBe(true)
    await expect(stream.output().next()).rejects.toThrow(code('detached'))
  })
})
