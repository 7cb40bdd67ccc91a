import { expect, test } from 'vitest'

import { initdbError } from './cluster.ts'
import { parsePostmasterPid } from './postmaster.ts'
import { reasonIn } from './server-log.ts'

test('a full disk is named with the line that says so', () => {
  const stderr = [
    '2026-11-24 09:52:37.289 UTC [5865] FATAL:  could not extend file "base/1/2691": No space left on device',
    '2026-11-24 09:52:37.289 UTC [5865] HINT:  Check free disk space.',
    'child process exited with exit code 1',
    'initdb: removing contents of data directory "/data/initdb.1.x/cluster"',
  ].join('\n')
  expect(initdbError(stderr, 1)).toMatchObject({
    message:
      'The database could not be created: could not extend file "base/1/2691": No space left on device.',
    hint: expect.stringContaining('Free about 100 MB'),
  })
})

test('missing libraries point at the build script', () => {
  const stderr = 'initdb: error while loading shared libraries: libpq.so.5: cannot open shared object file'
  expect(initdbError(stderr, 127)).toMatchObject({ hint: expect.stringContaining('build script') })
})

test('an initdb that says nothing is reported by its code', () => {
  expect(initdbError('', 3).message).toBe('The database could not be created: initdb ended with code 3.')
})

test('the reason of a failed start is its last fatal line', () => {
  const log = [
    '2026-11-24 09:50:34 UTC [1] LOG:  could not bind IPv4 address "127.0.0.1": Address already in use',
    '2026-11-24 09:50:34 UTC [1] FATAL:  could not create any TCP/IP sockets',
    '2026-11-24 09:50:34 UTC [1] LOG:  database system is shut down',
  ].join('\n')
  expect(reasonIn(log)).toBe('could not create any TCP/IP sockets')
})

const pidFile = (status: string): string =>
  ['4862', '/d/cluster', '1764000000', '38913', '', '127.0.0.1', '  1234  5', status].join('\n')

test.each([
  ['a ready server', pidFile('ready   \n'), { pid: 4862, port: 38913, status: 'ready' }],
  ['a stopping server', pidFile('stopping\n'), { pid: 4862, port: 38913, status: 'stopping' }],
  ['a file that is still being written', '4862\n/d/cluster\n', { pid: 4862, port: 0, status: 'unknown' }],
  ['an empty file', '', undefined],
  ['a file of garbage', 'x\ny\n', undefined],
] as const)('postmaster.pid of %s', (_, file, expected) => {
  expect(parsePostmasterPid(file)).toEqual(expected)
})
