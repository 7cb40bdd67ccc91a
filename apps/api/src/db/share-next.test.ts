import { expect, it } from 'vitest'
import { createShareNext } from './share-next.ts'

/** Each question is answered with its number, when told to. */
function createAsker() {
  const asked: PromiseWithResolvers<number>[] = []
  const share = createShareNext<number>()
  const ask = (key = 'a') =>
    share(key, () => {
      const question = Promise.withResolvers<number>()
      asked.push(question)
      return question.promise
    })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return { asked, ask, settle }
}

it('those who come while a question is under way share the next one', async () => {
  const { asked, ask, settle } = createAsker()
  const first = ask()
  const [second, third] = [ask(), ask()]
  expect(asked).toHaveLength(1)
  asked[0]?.resolve(1)
  expect(await first).toBe(1)
  await settle()
  expect(asked).toHaveLength(2)
  const fourth = ask()
  asked[1]?.resolve(2)
  expect(await Promise.all([second, third])).toEqual([2, 2])
  await settle()
  asked[2]?.resolve(3)
  expect(await fourth).toBe(3)
  void ask()
  expect(asked).toHaveLength(4)
})

it('a failure is that of those who asked', async () => {
  const { asked, ask, settle } = createAsker()
  const [first, second] = [ask(), ask()]
  asked[0]?.reject(new Error('away'))
  await expect(first).rejects.toThrow('away')
  await settle()
  asked[1]?.resolve(2)
  expect(await second).toBe(2)
})

it('other questions wait for nothing', () => {
  const { asked, ask } = createAsker()
  void ask('a')
  void ask('b')
  expect(asked).toHaveLength(2)
})

it('nobody waits for a question that is never answered', async () => {
  const { asked, ask } = createAsker()
  void ask()
  const [second, third] = [ask(), ask()]
  await expect.poll(() => asked.length).toBe(2)
  asked[1]?.resolve(2)
  expect(await Promise.all([second, third])).toEqual([2, 2])
  const fourth = ask()
  expect(asked).toHaveLength(3)
  asked[2]?.resolve(3)
  expect(await fourth).toBe(3)
})
