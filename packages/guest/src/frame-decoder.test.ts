import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameDecoder } from './frame-decoder.ts'
import { frameType, type Frame } from './protocol.ts'
import { encodeFrame } from './test-support/fake-guest.ts'

const types = Object.values(frameType).filter((type) => type >= 128)
const isOutput = (type: number) => type === frameType.stdout || type === frameType.stderr
const frames = fc.array(
  fc
    .record({
      type: fc.constantFrom(...types),
      stream: fc.nat({ max: 0xffff_ffff }),
      payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    })
    .filter(({ type, payload }) => !isOutput(type) || payload.length > 0),
  { maxLength: 20 },
)

/** Output of one stream that comes in a row is one. */
function join(frames: readonly Frame[]): Frame[] {
  const joined: Frame[] = []
  for (const frame of frames) {
    const last = joined.at(-1)
    if (last && isOutput(frame.type) && last.type === frame.type && last.stream === frame.stream) {
      joined[joined.length - 1] = { ...last, payload: Buffer.concat([last.payload, frame.payload]) }
    } else joined.push(frame)
  }
  return joined
}

describe('frames', () => {
  test('are the same in whatever chunks they come', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sent, sizes) => {
        const bytes = Buffer.concat(
          sent.map(({ type, stream, payload }) => encodeFrame(type, stream, payload)),
        )
        const decoder = new FrameDecoder()
        const received: Frame[] = []
        for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length] ?? 1) {
          received.push(...decoder.push(bytes.subarray(at, at + (sizes[i % sizes.length] ?? 1))))
        }
        expect(join(received)).toEqual(join(sent))
      }),
    )
  })

  test('of any bytes whatever end in frames or an error', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), (chunks) => {
        const decoder = new FrameDecoder()
        try {
          for (const chunk of chunks)
            for (const frame of decoder.push(Buffer.from(chunk))) expect(frame.type).toBeLessThan(256)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
    )
  })

  test('that are too long are refused before their bytes come', () => {
    const header = encodeFrame(frameType.result, 1).subarray(0, 5)
    const tooLong = Buffer.concat([header, Buffer.from([0, 1, 0, 1])])
    expect(() => [...new FrameDecoder().push(tooLong)]).toThrow(RangeError)
  })
})
