import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeEnding, decodeExited, decodeHello, decodeOpened, decodeRows } from './payloads.ts'
import { encodeRun, sessionId, u64 } from './protocol.ts'
import { GuestError } from './errors.ts'

const id = '0b8d6f5e-7f7a-4a53-9be0-3f1ea3a7a1aa'

describe('what the guest says', () => {
  test('of an end', () => {
    expect(decodeEnding(Buffer.from([3, 0, 137, 9, 0, 0, 0, 0]))).toEqual({
      exitCode: 137,
      signal: 'SIGKILL',
      timedOut: true,
      killed: true,
      survivors: false,
      failure: null,
    })
    expect(decodeEnding(Buffer.from([0, 1, 127, 0, 0, 0, 0, 2])).failure).toEqual({
      what: 'exec',
      code: 'ENOENT',
    })
    expect(decodeEnding(Buffer.from([0, 9, 1, 200, 0, 0, 0, 2]))).toMatchObject({
      failure: null,
      signal: 'SIG200',
    })
  })

  test('of a session', () => {
    const row = Buffer.concat([
      sessionId(id),
      Buffer.from([3, 1, 0, 0, 4, 0, 0, 0, 0, 0]),
      u64(5),
      u64(6),
      u64(7),
      u64(8),
    ])
    expect(decodeRows(Buffer.concat([row, row]))[1]).toMatchObject({
      id,
      terminal: true,
      exited: true,
      ended: false,
      attached: true,
      ending: { exitCode: 4 },
      ageMs: 5,
      firstOffset: 6,
      endOffset: 7,
      inputOffset: 8,
    })
  })

  test.each([decodeEnding, decodeExited, decodeHello, decodeOpened, decodeRows])(
    'is decoded or refused, whatever it is (%#)',
    (decode) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          try {
            decode(Buffer.from(bytes))
          } catch (error) {
            expect(error).toBeInstanceOf(GuestError)
          }
        }),
      )
    },
  )
})

describe('what the agent says', () => {
  test('to run a program', () => {
    const payload = encodeRun(
      { id, argv: ['a', Buffer.from([0xff])], env: ['K=V'], cwd: '/x', input: true },
      4096,
    )
    expect(payload.toString('latin1')).toBe(
      `${sessionId(id).toString('latin1')}\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\x04\0\0/x\0\0\x02a\0\xff\0\0\x01K=V\0`,
    )
  })

  test('never cuts off what does not fit', () => {
    expect(() => sessionId('short')).toThrow(RangeError)
    expect(() => encodeRun({ id, argv: ['a\0'] }, 1)).toThrow(RangeError)
    expect(() => encodeRun({ id, argv: Array.from({ length: 70_000 }, () => '') }, 1)).toThrow(RangeError)
    expect(() => encodeRun({ id, argv: ['x'.repeat(2 << 20)] }, 1)).toThrow(RangeError)
  })
})
