import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { inOrder } from './standard-streams.ts'

describe('inOrder', () => {
  it('begins a write when the one before is done', async () => {
    const written: number[] = []
    const write = inOrder(async ([value = 0]) => {
      await delay(value)
      written.push(value)
    })
    await Promise.all([9, 6, 3, 1].map((value) => write(Uint8Array.of(value))))
    expect(written).toEqual([9, 6, 3, 1])
  })

  it('writes nothing after what could not be written', async () => {
    const write = inOrder(async ([value = 0]) => {
      if (value === 0) throw new Error('full')
    })
    const results = await Promise.allSettled([1, 0, 1].map((value) => write(Uint8Array.of(value))))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
  })
})
