import { setImmediate as settle } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createExecTurns } from './turns.ts'

const never = new AbortController().signal

describe('the turns of commands', () => {
  it('go round the containers that wait', async () => {
    const turns = createExecTurns(1)
    const order: string[] = []
    const run = async (container: string, name: string): Promise<void> => {
      const end = await turns.take(container, never)
      order.push(name)
      await settle()
      end()
    }
    await Promise.all([run('a', 'a1'), run('a', 'a2'), run('a', 'a3'), run('b', 'b1'), run('c', 'c1')])
    expect(order).toEqual(['a1', 'a2', 'b1', 'c1', 'a3'])
  })

  it('are so many at once and no more', async () => {
    const turns = createExecTurns(2)
    let now = 0
    let most = 0
    const run = async (n: number): Promise<void> => {
      const end = await turns.take(String(n % 3), never)
      most = Math.max(most, ++now)
      await settle()
      now--
      end()
      end()
    }
    await Promise.all(Array.from({ length: 20 }, (_, n) => run(n)))
    expect(most).toBe(2)
  })

  it('pass over whoever has left', async () => {
    const turns = createExecTurns(1)
    const end = await turns.take('a', never)
    const leaving = new AbortController()
    const left = turns.take('a', leaving.signal)
    const next = turns.take('b', never)
    leaving.abort()
    await expect(left).rejects.toMatchObject({ name: 'AbortError' })
    end()
    ;(await next)()
    ;(await turns.take('a', never))()
  })

  it('are refused when too many wait', async () => {
    const turns = createExecTurns(1, { queueMax: 1 })
    const end = await turns.take('a', never)
    const next = turns.take('a', never)
    await expect(turns.take('b', never)).rejects.toMatchObject({ code: 'rate_limited' })
    end()
    await next
  })
})

describe('the places of a container', () => {
  it('are bounded, and free again', () => {
    const turns = createExecTurns(1, { perContainer: 2 })
    const first = turns.enter('a')
    turns.enter('a')
    expect(() => turns.enter('a')).toThrow(expect.objectContaining({ code: 'rate_limited' }))
    turns.enter('b')
    first[Symbol.dispose]()
    turns.enter('a')
  })
})
