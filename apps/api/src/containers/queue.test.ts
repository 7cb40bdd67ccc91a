import { describe, expect, it } from 'vitest'
import { isRival, serveLine, type Waiting } from './queue.ts'

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
