import { describe, expect, it } from 'vitest'
import { chooseSession } from './resolve-session.ts'

const sessions = ['1b2c3d4e-0000-4000-8000-000000000001', '1b2c3d4e-0000-4000-8000-000000000002'].map(
  (id) => ({
    id,
  }),
)
const other = { id: 'abcdef01-0000-4000-8000-000000000003' }

describe('a session', () => {
  it('is found by the beginning of its id, as lists show it', () => {
    for (const reference of ['abcdef', 'ABCDEF01', 'abcdef01...'])
      expect(chooseSession(reference, [...sessions, other])).toBe(other)
  })

  it('is not guessed', () => {
    expect(() => chooseSession('1b2c3d4e', sessions)).toThrow(/matches 2 sessions/)
    for (const reference of ['abc', 'zzzzzz', '123456'])
      expect(() => chooseSession(reference, [other])).toThrow(/no session/)
  })
})
