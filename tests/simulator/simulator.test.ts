import { describe, expect, it } from 'vitest'
import { createPlan } from './src/plan.ts'
import { createRandom } from './src/random.ts'
import { runPlan } from './src/run-seed.ts'
import { keepOperations, shrink } from './src/shrink.ts'
import { createTimeline, epoch } from './src/timeline.ts'

describe('a world', () => {
  it.each([1, 2, 3])('is the same each time, seed %i', async (seed) => {
    const live = async (): Promise<string[]> => {
      const lines: string[] = []
      await runPlan(createPlan(seed), { trace: (line) => lines.push(line) })
      return lines
    }
    const first = await live()
    expect(first.length).toBeGreaterThan(50)
    expect(await live()).toEqual(first)
  })
})

describe('chance', () => {
  it('is even, and another for each seed and purpose', () => {
    const { int } = createRandom(1, 'a')
    const counts = [0, 0, 0, 0]
    for (let n = 0; n < 4000; n++) counts[int(0, 3)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120)
    const first = (seed: number, purpose: string) => createRandom(seed, purpose).next()
    expect(new Set([first(1, 'a'), first(1, 'b'), first(2, 'a'), first(2, 'b')]).size).toBe(4)
  })
})

describe('the timeline', () => {
  it('lets things happen in the order of their time, and of their coming', async () => {
    const timeline = createTimeline()
    const happened: string[] = []
    const note = (what: string) => () => void happened.push(`${what} ${timeline.now() - epoch}`)
    timeline.after(20, note('late'))
    timeline.after(10, note('a'))
    timeline.after(10, note('b'))
    timeline.after(15, note('never'))()
    await timeline.runUntil(epoch + 30)
    expect(happened).toEqual(['a 10', 'b 10', 'late 20'])
  })

  it('ends waits that are given up, and signals that nobody hears', async () => {
    const timeline = createTimeline()
    const controller = new AbortController()
    const given = timeline.wait(1000, controller.signal).catch((error: Error) => error.name)
    const { aborted } = timeline.timeout(50)
    const signal = timeline.timeout(100)
    timeline.after(10, () => controller.abort())
    await timeline.runUntil(epoch + 200)
    expect(await given).toBe('AbortError')
    expect([aborted, signal.aborted]).toEqual([false, true])
  })
})

describe('shrinking', () => {
  it('leaves what is needed alone', async () => {
    const plan = createPlan(7)
    const needed = [3, 17, 18].map((index) => plan.operations[index])
    const fails = async ({ operations }: typeof plan) =>
      needed.every((each) => each && operations.includes(each))
    const kept = await shrink(plan, fails)
    expect(kept).toEqual([3, 17, 18])
    expect(keepOperations(plan, kept).operations).toEqual(needed)
  })
})
