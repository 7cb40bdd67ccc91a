import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeMessage,
  encodeFrameHeader,
  type Frame,
  FrameDecoder,
  FrameTracker,
  framePayloadMaxBytes,
  frameType,
  parseControl,
  toControlFrame,
} from './frames.ts'

const anyFrame: fc.Arbitrary<Frame> = fc.record({
  type: fc.constantFrom(...Object.values(frameType)),
  payload: fc.uint8Array({ maxLength: 40 }),
})

const encodeFrame = (frame: Frame): Buffer => Buffer.concat([encodeFrameHeader(frame), frame.payload])

describe('frames on a byte stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = Buffer.concat(frames.map(encodeFrame))
          const decoder = new FrameDecoder()
          const decoded: Frame[] = []
          for (let at = 0, n = 0; at < stream.length; n++) {
            const size = cuts[n % cuts.length] ?? 1
            decoded.push(...decoder.push(stream.subarray(at, at + size)))
            at += size
          }
          decoder.finish()
          expect(decoded.map(({ type, payload }) => [type, [...payload]])).toEqual(
            frames.map(({ type, payload }) => [type, [...payload]]),
          )
        },
      ),
    )
  })

  it('are followed as they are decoded, and go on as bytes from wherever a decoder has come to', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.nat({ max: 300 }),
        (frames, cuts, decodedBytes) => {
          const stream = Buffer.concat(frames.map(encodeFrame))
          const before = new FrameDecoder()
          const after = new FrameDecoder()
          const controls: Frame[] = []
          const tracker = new FrameTracker((frame) => controls.push(frame))
          const decoded = [...before.push(stream.subarray(0, decodedBytes))]
          const seen = decoded.filter(({ type }) => type === frameType.control)
          const follow = (chunk: Uint8Array): void => {
            tracker.push(chunk)
            decoded.push(...after.push(chunk))
          }
          for (const chunk of before.release()) follow(chunk)
          for (let at = decodedBytes, n = 0; at < stream.length; n++) {
            const size = cuts[n % cuts.length] ?? 1
            follow(stream.subarray(at, at + size))
            at += size
          }
          after.finish()
          expect(tracker.isBetweenFrames).toBe(true)
          expect(decoded.map(encodeFrame)).toEqual(frames.map(encodeFrame))
          expect([...seen, ...controls].map(encodeFrame)).toEqual(
            frames.filter(({ type }) => type === frameType.control).map(encodeFrame),
          )
        },
      ),
    )
  })

  it('are begun where a part of one is to come, and nothing that is none is followed', () => {
    const frame = encodeFrame({ type: frameType.stdout, payload: new Uint8Array(100_000) })
    const decoder = new FrameDecoder()
    expect([...decoder.push(frame.subarray(0, 50_000))]).toHaveLength(1)
    const rest = new FrameDecoder()
    for (const chunk of decoder.release()) expect([...rest.push(chunk)]).toEqual([])
    const [last] = rest.push(frame.subarray(50_000))
    expect(last?.payload).toHaveLength(50_005)
    const tracker = new FrameTracker(() => {})
    tracker.push(frame.subarray(0, 1))
    expect(tracker.isBetweenFrames).toBe(false)
    expect(() => tracker.push(Buffer.alloc(4, 255))).toThrow(RangeError)
    expect(() => new FrameTracker(() => {}).push(Buffer.alloc(5, 9))).toThrow(RangeError)
  })

  it('may come out in several parts, but only those with bytes of a stream, and in large ones', () => {
    const stdout = {
      type: frameType.stdout,
      payload: Uint8Array.from({ length: 100_000 }, (_, n) => n % 251),
    }
    const control = { type: frameType.control, payload: new Uint8Array(100_000).fill(7) }
    const stream = Buffer.concat([stdout, control, stdout].map(encodeFrame))
    for (const size of [16_384, 65_536, 99_999]) {
      const decoder = new FrameDecoder()
      const decoded: Frame[] = []
      for (let at = 0; at < stream.length; at += size)
        decoded.push(...decoder.push(stream.subarray(at, at + size)))
      decoder.finish()
      expect(decoded.filter(({ type }) => type === frameType.control)).toEqual([control])
      const first = decoded.slice(
        0,
        decoded.findIndex(({ type }) => type === frameType.control),
      )
      expect(Buffer.concat(first.map(({ payload }) => payload)).equals(stdout.payload)).toBe(true)
      for (const { payload } of first.slice(0, -1)) expect(payload.length).toBeGreaterThanOrEqual(24 << 10)
    }
  })

  it('are refused when the type is unknown, too long, or cut short', () => {
    expect(() => [...new FrameDecoder().push(Uint8Array.of(9, 0, 0, 0, 0))]).toThrow(/type 9/)
    expect(() => [...new FrameDecoder().push(Uint8Array.of(0, 255, 0, 0, 0))]).toThrow(/too long/)
    const decoder = new FrameDecoder()
    expect([...decoder.push(Uint8Array.of(0, 0, 0, 0, 2, 1))]).toEqual([])
    expect(() => decoder.finish()).toThrow(/within a frame/)
    expect(() => encodeFrame({ type: 0, payload: new Uint8Array(framePayloadMaxBytes + 1) })).toThrow(
      /too long/,
    )
  })
})

describe('frames as messages', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decodeMessage(Uint8Array.of(frame.type, ...frame.payload))).toEqual(frame)
      }),
    )
    expect(() => decodeMessage(new Uint8Array())).toThrow(/type undefined/)
  })

  it('carry control messages and refuse others', () => {
    const control = { type: 'resize', columns: 80, rows: 24 } as const
    expect(parseControl(toControlFrame(control))).toEqual(control)
    const payload = new TextEncoder().encode('{"type":"explode"}')
    expect(() => parseControl({ type: frameType.control, payload })).toThrow()
    expect(() => parseControl({ type: frameType.control, payload: Uint8Array.of(0xff) })).toThrow()
  })
})
