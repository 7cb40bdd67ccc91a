import { expect, test } from 'vitest'
import { holdMachineLock } from './machine-lock.ts'

const name = `test ${process.pid} ${'long '.repeat(30)}`

test('a lock excludes, says so after its deadline, and is free again at the end of its scope', async () => {
  {
    await using _lock = await holdMachineLock(name, 1000)
    await expect(holdMachineLock(name, 100)).rejects.toThrow('Another process')
  }
  await using _again = await holdMachineLock(name, 1000)
})

test('a waiter gets the lock when it is freed', async () => {
  const first = await holdMachineLock(name, 1000)
  const second = holdMachineLock(name, 5000)
  await first[Symbol.asyncDispose]()
  await (await second)[Symbol.asyncDispose]()
})
