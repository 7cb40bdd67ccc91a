import { GpulabError } from '@gpulab/contract'
import { PassThrough, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { SteadyBody } from './steady-body.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => void vi.useRealTimers())

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Where a body goes; with `holdsBack` it takes nothing until it is told to. */
function destination(holdsBack = false) {
  const parts: Buffer[] = []
  let goOn = (): void => {}
  const out = new Writable({
    highWaterMark: 1000,
    write: (chunk: Buffer, _encoding, done) => {
      parts.push(chunk)
      if (holdsBack) goOn = done
      else done()
    },
  })
  const ended = new Promise<unknown>((resolve) => {
    out.once('finish', () => resolve('whole')).once('error', resolve)
  })
  return { out, parts, ended, goOn: () => goOn() }
}

it('a body is passed on to its end', async () => {
  const source = new PassThrough()
  const { out, parts, ended } = destination()
  new SteadyBody(source).pumpTo(out)
  for (let n = 0; n < 100; n++) source.write(Buffer.alloc(1000, n))
  source.end()
  expect(await ended).toBe('whole')
  expect(Buffer.concat(parts)).toEqual(
    Buffer.concat(Array.from({ length: 100 }, (_, n) => Buffer.alloc(1000, n))),
  )
})

it.each([
  ['breaks off', (source: PassThrough) => source.destroy()],
  ['fails', (source: PassThrough) => source.destroy(new Error('cut'))],
])('one that %s is never taken for the whole', async (_, cut) => {
  const source = new PassThrough()
  const { out, ended } = destination()
  new SteadyBody(source).pumpTo(out)
  source.write('a')
  await settle()
  cut(source)
  expect(await ended).toMatchObject({ code: 'invalid_request' } satisfies Partial<GpulabError>)
  const gone = destination()
  new SteadyBody(source).pumpTo(gone.out)
  expect(await gone.ended).toMatchObject({ code: 'invalid_request' })
})

it('one that is silent is given up, but not one that is held back', async () => {
  const source = new PassThrough()
  const { out, ended, goOn } = destination(true)
  new SteadyBody(source).pumpTo(out)
  source.write(Buffer.alloc(2000))
  await settle()
  vi.advanceTimersByTime(600_000)
  expect(out.destroyed).toBe(false)
  goOn()
  await settle()
  vi.advanceTimersByTime(119_000)
  expect(out.destroyed).toBe(false)
  vi.advanceTimersByTime(1000)
  expect(await ended).toMatchObject({ code: 'invalid_request' })
})

it('one that is not wanted any more keeps its stream, for the answer', async () => {
  const source = new PassThrough()
  const { out } = destination()
  new SteadyBody(source).pumpTo(out)
  source.write('a')
  out.destroy()
  await settle()
  expect(source.destroyed).toBe(false)
  expect(source.isPaused()).toBe(true)
})
