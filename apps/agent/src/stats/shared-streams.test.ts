import { eventually } from '@gpulab/testing'
import { describe, expect, it } from 'vitest'
import { orAbort } from '@gpulab/transport/or-abort'
import { createSharedStreams } from './shared-streams.ts'

const never = new AbortController().signal

/** Sources that give what a test tells them to. */
function createSources() {
  const opened: string[] = []
  const closed: string[] = []
  let push = Promise.withResolvers<number | Error | undefined>()
  const streams = createSharedStreams<number>(async function* (key, signal) {
    opened.push(key)
    try {
      for (;;) {
        const item = await orAbort(push.promise, signal)
        push = Promise.withResolvers()
        if (item instanceof Error) throw item
        if (item === undefined) return
        yield item
      }
    } finally {
      closed.push(key)
    }
  })
  /** Gives the item, and waits until its taker asks for the next one. */
  const give = async (item: number | Error | undefined): Promise<void> => {
    const { promise } = push
    push.resolve(item)
    await eventually(() => expect(push.promise).not.toBe(promise))
  }
  return { streams, opened, closed, give }
}

describe('a shared stream', () => {
  it('is opened once for all watchers, and closed after the last', async () => {
    const { streams, opened, closed, give } = createSources()
    const first = streams.join('a')
    const second = streams.join('a')
    const both = Promise.all([first.next(never), second.next(never)])
    await give(1)
    expect(await both).toEqual([1, 1])
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    const next = second.next(never)
    await give(2)
    expect(await next).toBe(2)
    expect({ opened, closed }).toEqual({ opened: ['a'], closed: [] })
    second[Symbol.dispose]()
    await eventually(() => expect(closed).toEqual(['a']))
  })

  it('is opened anew for those who come after', async () => {
    const { streams, opened } = createSources()
    streams.join('a')[Symbol.dispose]()
    using _later = streams.join('a')
    using _other = streams.join('b')
    expect(opened).toEqual(['a', 'a', 'b'])
  })

  it('gives a slow watcher the newest item, and a late one the present', async () => {
    const { streams, give } = createSources()
    using watcher = streams.join('a')
    expect(watcher.newest()).toBeUndefined()
    for (const item of [1, 2, 3]) await give(item)
    expect(await watcher.next(never)).toBe(3)
    using late = streams.join('a')
    expect(await late.next(never)).toBe(3)
    expect(late.newest()).toBe(3)
    const next = watcher.next(never)
    await give(4)
    expect(await next).toBe(4)
  })

  it('ends for all, after the last item', async () => {
    const { streams, opened, give } = createSources()
    using watcher = streams.join('a')
    await give(1)
    await give(undefined)
    expect(await watcher.next(never)).toBe(1)
    expect(await watcher.next(never)).toBeUndefined()
    using _later = streams.join('a')
    expect(opened).toEqual(['a', 'a'])
  })

  it('fails for all', async () => {
    const { streams, give } = createSources()
    using first = streams.join('a')
    using second = streams.join('a')
    const both = Promise.allSettled([first.next(never), second.next(never)])
    await give(new Error('lost'))
    expect(await both).toMatchObject([{ reason: { message: 'lost' } }, { reason: { message: 'lost' } }])
  })

  it('goes on for the others when one gives up', async () => {
    const { streams, give } = createSources()
    using first = streams.join('a')
    using second = streams.join('a')
    const leaving = new AbortController()
    const left = first.next(leaving.signal)
    const next = second.next(never)
    leaving.abort()
    await expect(left).rejects.toThrow(/abort/i)
    await give(1)
    expect(await next).toBe(1)
  })
})
