import { describe, expect, it } from 'vitest'
import { isRival, reasonInLine, serveLine, type Waiting } from './queue.ts'

const waiting = (uuid: string, ...gpuTypes: string[]): Waiting => ({ uuid, gpuTypes })

async function serve(line: Waiting[], fitting: string[]) {
  const tried: string[] = []
  await serveLine(line, {
    tryToPlace: async ({ uuid }) => {
      tried.push(uuid)
      return fitting.includes(uuid)
    },
    onHeldUp: async () => {},
  })
  return tried
}

describe('those in line', () => {
  it('are served in their order', async () => {
    const line = [waiting('a', 'H100'), waiting('b', 'H100')]
    expect(await serve(line, ['a', 'b'])).toEqual(['a', 'b'])
  })

  it('are held up by an earlier one that wants the same, however little they want', async () => {
    const line = [waiting('a', 'H100'), waiting('b', 'H100'), waiting('c', 'A100')]
    expect(await serve(line, ['b', 'c'])).toEqual(['a', 'c'])
  })

  it('are held up through one that wants either', async () => {
    const line = [waiting('a', 'H100'), waiting('b', 'H100', 'A100'), waiting('c', 'A100')]
    expect(await serve(line, ['c'])).toEqual(['a'])
  })

  it('without a GPU wait for each other only', async () => {
    const line = [waiting('a', 'H100'), waiting('b'), waiting('c')]
    expect(await serve(line, ['b', 'c'])).toEqual(['a', 'b', 'c'])
    expect(isRival(waiting('a'), waiting('b'))).toBe(true)
    expect(isRival(waiting('a'), waiting('b', 'H100'))).toBe(false)
  })
})

describe('the reason to wait', () => {
  it.each([
    ['that was missing when it was tried', 1, null, 'No card is free.', 'No card is free.'],
    ['that was missing, though others came first', 3, null, 'No card is free.', 'No card is free.'],
    ['is how many are ahead now', 2, 5, null, '1 container waits in line for the same.'],
    ['is how many are ahead before any look', 3, null, null, '2 containers wait in line for the same.'],
    ['is passing once nobody is ahead', 1, 1, null, 'It is next, and is looked at in a moment.'],
  ] as const)('%s', (_, position, queueAhead, queueReason, expected) => {
    expect(reasonInLine(position, { queueAhead, queueReason })).toBe(expected)
  })
})
