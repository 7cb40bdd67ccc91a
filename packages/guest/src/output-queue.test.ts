import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OutputQueue } from './output-queue.ts'

const step = fc.oneof(
  fc.record({
    kind: fc.constantFrom('stdout' as const, 'stderr' as const),
    length: fc.integer({ min: 1, max: 90_000 }),
  }),
  fc.record({ kind: fc.constant('gap' as const), length: fc.integer({ min: 1, max: 2 ** 40 }) }),
  fc.constant({ kind: 'take' as const, length: 0 }),
)

/** What came, as one text: equal neighbours are one. */
const describeRuns = (runs: readonly (readonly [kind: string, length: number, hash: number])[]): string => {
  const joined: [string, number, number][] = []
  for (const [kind, length, sum] of runs) {
    const last = joined.at(-1)
    if (last?.[0] === kind) joined[joined.length - 1] = [kind, last[1] + length, last[2] + sum]
    else joined.push([kind, length, sum])
  }
  return joined.map((run) => run.join(' ')).join('\n')
}
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0)

describe('an output queue', () => {
  test('gives what it got, in order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const queue = new OutputQueue()
        const pushed: [string, number, number][] = []
        const taken: [string, number, number][] = []
        const take = (): void => {
          const item = queue.shift()
          if (item?.kind === 'gap') taken.push(['gap', item.lostBytes, 0])
          else if (item) taken.push([item.kind, item.bytes.length, sum(item.bytes)])
        }
        for (const [index, { kind, length }] of steps.entries()) {
          if (kind === 'take') take()
          else if (kind === 'gap') {
            queue.pushGap(length)
            pushed.push(['gap', length, 0])
          } else {
            const bytes = Buffer.alloc(length, index + 1)
            queue.push(kind, bytes)
            pushed.push([kind, length, sum(bytes)])
          }
        }
        while (!queue.isEmpty) take()
        expect(describeRuns(taken)).toBe(describeRuns(pushed))
        expect(queue.shift()).toBeUndefined()
      }),
    )
  })
})
