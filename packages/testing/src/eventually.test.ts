import { expect, test } from 'vitest'

import { eventually } from './eventually.ts'

test('eventually returns the first result that is not an error', async () => {
  let calls = 0
  const result = await eventually(
    () => {
      calls += 1
      if (calls < 3) throw new Error('not yet')
      return calls
    },
    { intervalMs: 1 },
  )
  expect(result).toBe(3)
})

test('eventually waits for promises', async () => {
  await expect(eventually(() => Promise.resolve('done'))).resolves.toBe('done')
})

test('eventually throws the last error past the deadline', async () => {
  let calls = 0
  const attempt = (): never => {
    calls += 1
    throw new Error(`failure ${calls}`)
  }
  await expect(eventually(attempt, { timeoutMs: 30, intervalMs: 5 })).rejects.toThrow(/^failure/)
  expect(calls).toBeGreaterThan(1)
})

test('eventually tells what was wrong rather than that the last attempt was cut short', async () => {
  let calls = 0
  const attempt = (): Promise<never> => {
    calls += 1
    return calls === 1 ? Promise.reject(new Error('the reason')) : Promise.withResolvers<never>().promise
  }
  await expect(eventually(attempt, { timeoutMs: 30, intervalMs: 5 })).rejects.toThrow('the reason')
})

test('eventually does not wait for an attempt that never settles', async () => {
  const attempt = (): Promise<never> => Promise.withResolvers<never>().promise
  await expect(eventually(attempt, { timeoutMs: 20 })).rejects.toThrow(/not settled/)
})
