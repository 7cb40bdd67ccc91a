import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAllowances } from './allowance.ts'

/** A bucket as the database keeps it, and the time of all. */
function createBucket({ perSecond, burst }: { perSecond: number; burst: number }) {
  const bucket = { time: 0, fullAt: 0, granted: 0, queries: 0 }
  const costMs = 1000 / perSecond
  const take = async (_owner: string, wanted: number) => {
    bucket.queries++
    const owed = Math.max(0, bucket.fullAt - bucket.time)
    const tokens = Math.max(0, Math.min(wanted, Math.floor((burst * costMs - owed) / costMs + 1e-6)))
    bucket.fullAt = bucket.time + owed + tokens * costMs
    bucket.granted += tokens
    return { tokens, left: 0 }
  }
  return { bucket, take }
}

it('lets a burst through, then as many as come back with time', async () => {
  const rate = { perSecond: 10, burst: 60 }
  const { bucket, take } = createBucket(rate)
  const allowances = createAllowances(take, rate, () => bucket.time)
  const taken = async (): Promise<number> => {
    for (let count = 0; ; count++) if ((await allowances.take('a')).retryAfter > 0) return count
  }
  expect(await taken()).toBe(60)
  bucket.time += 50
  expect(await taken()).toBe(0)
  bucket.time += 250
  expect(await taken()).toBe(3)
})

it('asks seldom for a busy owner, and for one token of one at rest', async () => {
  const rate = { perSecond: 1000, burst: 2000 }
  const { bucket, take } = createBucket(rate)
  const allowances = createAllowances(take, rate, () => bucket.time)
  await allowances.take('a')
  expect(bucket.granted).toBe(1)
  for (let n = 0; n < 1000; n++) await allowances.take('a')
  expect(bucket.queries).toBeLessThan(20)
  bucket.time += 60_000
  bucket.granted = 0
  await allowances.take('a')
  expect(bucket.granted).toBe(1)
})

it('gives one query to all that wait', async () => {
  const rate = { perSecond: 1000, burst: 4000 }
  const { bucket, take } = createBucket(rate)
  const allowances = createAllowances(take, rate, () => bucket.time)
  const all = await Promise.all(Array.from({ length: 100 }, () => allowances.take('a')))
  expect(all.every(({ retryAfter }) => retryAfter === 0)).toBe(true)
  expect(bucket.queries).toBeLessThan(10)
})

it('asks once for one that is refused, however soon there may be more', async () => {
  let queries = 0
  const take = async () => {
    queries++
    return { tokens: 0, left: 0 }
  }
  const allowances = createAllowances(take, { perSecond: 1e6, burst: 10 }, () => performance.now())
  expect((await allowances.take('a')).retryAfter).toBe(1)
  expect(queries).toBe(1)
})

it('never lets more through than the bucket has, however many replicas there are', async () => {
  const step = fc.record({ replica: fc.nat(2), afterMs: fc.nat(400), count: fc.nat(40) })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const rate = { perSecond: 20, burst: 40 }
      const { bucket, take } = createBucket(rate)
      const replicas = Array.from({ length: 3 }, () => createAllowances(take, rate, () => bucket.time))
      let passed = 0
      for (const { replica, afterMs, count } of steps) {
        bucket.time += afterMs
        for (let n = 0; n < count; n++) {
          if ((await replicas[replica]?.take('a'))?.retryAfter === 0) passed++
        }
        expect(passed).toBeLessThanOrEqual(rate.burst + (bucket.time * rate.perSecond) / 1000)
      }
    }),
    { numRuns: 100 },
  )
})
