import { describe, expect, it } from 'vitest'
import { canServe } from './can-serve.ts'
import { describeFailure } from './describe-failure.ts'

describe('the guest', () => {
  it.each([
    [0, undefined, true],
    [1000, undefined, true],
    [0, 'root', true],
    [0, '0', true],
    [1000, '1000', true],
    [1000, 'root', false],
    [0, '0:0', false],
    [0, 'nobody', false],
  ])('of user %d serves a session for %s: %s', (uid, user, serves) => {
    expect(canServe({ uid }, user)).toBe(serves)
  })

  it.each([
    ['exec', 'ENOENT', 'no-such', 'no-such: executable file not found in $PATH'],
    ['exec', 'ENOENT', '/no/x', '/no/x: no such file or directory'],
    ['exec', 'EACCES', '/etc', '/etc: permission denied'],
    ['exec', 'ENOEXEC', '/x', '/x: exec format error'],
    ['exec', 'E9999', '/x', '/x: E9999'],
    ['cwd', 'ENOENT', 'x', '/none: no such file or directory'],
    ['fork', 'EAGAIN', 'x', "the container's limit of processes is reached"],
  ] as const)('that could not %s (%s) %s says: %s', (what, code, program, text) => {
    expect(describeFailure({ what, code }, { program, workdir: '/none' })).toBe(text)
  })
})
