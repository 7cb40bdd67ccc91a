import { describe, expect, it } from 'vitest'
import { describeFailure } from './program.ts'

describe('a failure', () => {
  it('is told with its next step', () => {
    const error = Object.assign(new Error('No capacity.'), { hint: 'Try later.' })
    expect(describeFailure(error)).toBe('No capacity. Try later.')
  })

  it('is told with the one that came while everything was stopped', () => {
    const error = new SuppressedError(new Error('The bridge stays.'), new Error('The API ended.'), 'two')
    expect(describeFailure(error)).toBe('The API ended.\nThe bridge stays.')
  })
})
