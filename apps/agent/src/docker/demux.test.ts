import fc from 'fast-check'
import { expect, it } from 'vitest'
import { demux } from './demux.ts'

const encode = (stream: 1 | 2, payload: Uint8Array): Buffer => {
  const header = Buffer.alloc(8)
  header[0] = stream
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

it('gives every frame, however the bytes arrive', async () => {
  const frames = fc.array(fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.uint8Array({ maxLength: 40 })))
  await fc.assert(
    fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 30 })), async (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(([stream, payload]) => encode(stream, payload)))
      async function* chunks() {
        let at = 0
        for (const cut of [...cuts, bytes.length]) {
          if (at < bytes.length) yield bytes.subarray(at, at + cut)
          at += cut
        }
      }
      const got = await Array.fromAsync(demux(chunks()))
      expect(got.map(({ stream, payload }) => [stream, payload.toString('hex')])).toEqual(
        sent.map(([stream, payload]) => [
          stream === 1 ? 'stdout' : 'stderr',
          Buffer.from(payload).toString('hex'),
        ]),
      )
    }),
  )
})

it('drops a frame that was broken off', async () => {
  async function* source() {
    yield encode(1, Buffer.from('whole'))
    yield encode(1, Buffer.from('broken')).subarray(0, 10)
  }
  expect((await Array.fromAsync(demux(source()))).map(({ payload }) => payload.toString())).toEqual(['whole'])
})
