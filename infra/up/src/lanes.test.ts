import { describe, expect, it } from 'vitest'
import { runInLanes } from './lanes.ts'

describe('lanes', () => {
  it('run so many at a time and give the results in order', async () => {
    const ends = Array.from({ length: 4 }, () => Promise.withResolvers<void>())
    const begun: number[] = []
    const running = runInLanes([0, 1, 2, 3], 2, async (n) => {
      begun.push(n)
      await ends[n]?.promise
      return n * 10
    })
    expect(begun).toEqual([0, 1])
    ends[1]?.resolve()
    await expect.poll(() => begun).toEqual([0, 1, 2])
    ends.forEach(({ resolve }) => resolve())
    expect(await running).toEqual([0, 10, 20, 30])
  })

  it('wait for what is under way when one fails, and begin nothing more', async () => {
    const end = Promise.withResolvers<void>()
    const begun: string[] = []
    let isOver = false
    const running = runInLanes(['fails', 'goes on', 'waits'], 2, async (name) => {
      begun.push(name)
      if (name === 'fails') throw new Error('It fails.')
      await end.promise
    }).finally(() => {
      isOver = true
    })
    running.catch(() => {})
    await new Promise(setImmediate)
    expect([isOver, begun]).toEqual([false, ['fails', 'goes on']])
    end.resolve()
    await expect(running).rejects.toThrow('It fails.')
    expect(begun).toEqual(['fails', 'goes on'])
  })
})
