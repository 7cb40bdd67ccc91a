import { GpulabError } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { toErrnoFailure, toLocalFailure } from './describe-errno.ts'
import { describeProgress } from './progress.ts'
import { toToolFailure } from './toolbox.ts'

describe('a failure', () => {
  it.each([
    ['ENOENT', 3],
    ['EACCES', 4],
    ['EROFS', 4],
    ['EISDIR', 5],
    ['ESTALE', 5],
    ['ENOSPC', 6],
    ['EDQUOT', 6],
    ['EMFILE', 1],
    ['EOPNOTSUPP', 1],
    ['E12345', 1],
  ])('%s ends with %i', (errno, exitCode) => {
    const failure = toErrnoFailure(errno, '/x')
    expect(failure.exitCode).toBe(exitCode)
    expect(failure.message).toMatch(/^\/x: .+\.$/)
  })

  it.each([
    ['ENOSPC\n', 6],
    ["tar: can't create directory 'x': Permission denied\n", 4],
    ['tar: write error: No space left on device\n', 6],
    ["mkdir: can't create directory '/x': Read-only file system\n", 4],
    ['tar: short read\n', 1],
    ['', 1],
  ])('that a program tells as %j is understood', (stderr, exitCode) => {
    expect(toToolFailure({ exitCode: 1, stdout: '', stderr }, '/x').exitCode).toBe(exitCode)
  })

  it('of something else stays what it is', () => {
    const errors = [new GpulabError('interrupted'), new Error('x'), new RangeError('y')]
    for (const error of errors) expect(toLocalFailure(error, '/x')).toBe(error)
  })
})

describe('progress', () => {
  it.each([
    [{ bytes: 512, files: 0, totalBytes: 1024 }, '██████████░░░░░░░░░░ 50% 512 B of 1 KB · 512 B/s'],
    [{ bytes: 0, files: 0, totalBytes: 0 }, '████████████████████ 100% 0 B of 0 B · 0 B/s'],
    [{ bytes: 2048, files: 3, totalBytes: undefined }, '2 KB, 3 files · 2 KB/s'],
  ])('of %j is %s', (progress, text) => {
    expect(describeProgress(progress, 1000)).toBe(text)
  })
})
