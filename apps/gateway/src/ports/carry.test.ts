import { PassThrough, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { carry } from './carry.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** Takes one chunk whenever it is told to. */
function setUp() {
  const takes: (() => void)[] = []
  const from = new PassThrough()
  const to = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void takes.push(done) })
  const onStuck = vi.fn<() => void>()
  carry(from, to, onStuck)
  return { from, takes, onStuck }
}

it('gives up a client that takes nothing for two minutes, and not before', async () => {
  const { from, takes, onStuck } = setUp()
  from.write('a')
  await vi.waitFor(() => expect(takes).toHaveLength(1))
  vi.advanceTimersByTime(119_000)
  takes[0]?.()
  await new Promise(setImmediate)
  from.write('b')
  await vi.waitFor(() => expect(takes).toHaveLength(2))
  vi.advanceTimersByTime(119_000)
  expect(onStuck).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1000)
  expect(onStuck).toHaveBeenCalledOnce()
})

it('lets a client wait for what is not there yet as long as it likes', async () => {
  const { from, takes, onStuck } = setUp()
  from.write('a')
  await vi.waitFor(() => expect(takes).toHaveLength(1))
  takes[0]?.()
  await new Promise(setImmediate)
  vi.advanceTimersByTime(3_600_000)
  expect(onStuck).not.toHaveBeenCalled()
})
