import { expect, it } from 'vitest'
import { createWriteTogether } from './write-together.ts'

it('rows that come meanwhile are written together, and each gets its own result', async () => {
  const batches: (readonly number[])[] = []
  const write = createWriteTogether(
    async (rows: readonly number[]) => {
      batches.push(rows)
      await new Promise((resolve) => setImmediate(resolve))
      return rows.map((row) => row * 10)
    },
    () => false,
  )
  const rows = Array.from({ length: 20 }, (_, index) => index)
  expect(await Promise.all(rows.map((row) => write(row)))).toEqual(rows.map((row) => row * 10))
  expect(batches.map(({ length }) => length)).toEqual([1, 16, 3])
  expect(await write(7)).toBe(70)
})

it('a row that can not be written fails alone, a lost connection fails all', async () => {
  let isAway = false
  const write = createWriteTogether(
    async (rows: readonly string[]) => {
      await Promise.resolve()
      if (isAway) throw new Error('away')
      if (rows.includes('bad')) throw new Error('22021')
      return rows
    },
    (error) => (error as Error).message === '22021',
  )
  const told = (rows: readonly string[]) =>
    Promise.all(rows.map((row) => write(row).catch((error: Error) => error.message)))
  expect(await told(['a', 'b', 'bad', 'c'])).toEqual(['a', 'b', '22021', 'c'])
  isAway = true
  expect(await told(['a', 'b', 'c'])).toEqual(['away', 'away', 'away'])
})

it('a write that never ends holds up no other', async () => {
  let isStuck = true
  const write = createWriteTogether(
    (rows: readonly number[]) => {
      if (!isStuck) return Promise.resolve(rows)
      isStuck = false
      return new Promise<never>(() => {})
    },
    () => false,
  )
  void write(1)
  expect(await Promise.all([write(2), write(3)])).toEqual([2, 3])
})
