import { expect, test } from 'vitest'

import { allows, toPass, toRead } from './barrier.ts'

const user = { name: 'postgres', uid: 101, gid: 104 }

test.each([
  ['an open directory', { uid: 0, gid: 0, mode: 0o755 }, toPass, true],
  ['a closed directory of somebody else', { uid: 0, gid: 0, mode: 0o700 }, toPass, false],
  ['a directory that may only be passed', { uid: 0, gid: 0, mode: 0o711 }, toPass, true],
  ['reading where only passing is allowed', { uid: 0, gid: 0, mode: 0o711 }, toRead, false],
  ['the own closed directory', { uid: 101, gid: 104, mode: 0o700 }, toPass, true],
  ['a directory of the group', { uid: 0, gid: 104, mode: 0o750 }, toRead, true],
  ['a directory open to all but the group', { uid: 0, gid: 104, mode: 0o705 }, toPass, false],
] as const)('mode bits decide on %s', (_, permissions, bit, expected) => {
  expect(allows(permissions, user, bit)).toBe(expected)
})
