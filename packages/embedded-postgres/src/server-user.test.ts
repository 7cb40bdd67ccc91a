import { expect, test } from 'vitest'

import { pickUnprivilegedUser } from './server-user.ts'

const root = 'root:x:0:0:root:/root:/bin/bash'
const nobody = 'nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin'
const postgres = 'postgres:x:101:104:PostgreSQL,,,:/var/lib/postgresql:/bin/bash'

test('the user postgres is preferred', () => {
  expect(pickUnprivilegedUser([root, nobody, postgres, ''].join('\n'))).toEqual({
    name: 'postgres',
    uid: 101,
    gid: 104,
  })
})

test('nobody takes its place', () => {
  expect(pickUnprivilegedUser([root, nobody].join('\n'))).toEqual({ name: 'nobody', uid: 65534, gid: 65533 })
})

test('without either the error says how to get one', () => {
  expect(() => pickUnprivilegedUser(root)).toThrow(
    expect.objectContaining({ code: 'database_unavailable', hint: expect.stringContaining('useradd') }),
  )
})

test('a user postgres with the id of root is not taken', () => {
  expect(() => pickUnprivilegedUser('postgres:x:0:0::/:/bin/sh')).toThrow(/neither/)
})
