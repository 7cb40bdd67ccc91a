import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeArchive } from './write-archive.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-archive-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const entries = [
  { name: 'gpulab', source: { text: '#!/bin/sh\n' }, isExecutable: true },
  { name: 'a/README.md', source: { text: 'x'.repeat(1000) } },
  { name: 'empty', source: { text: '' } },
]

describe('writeArchive', () => {
  it('writes what tar reads', async () => {
    const path = join(folder, 'one.tar.gz')
    await writeArchive(path, entries, new Date(1_700_000_000_000))
    const listed = execFileSync('tar', ['-tvzf', path, '--utc', '--full-time'], { encoding: 'utf8' })
    expect(
      listed
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/).join(' ')),
    ).toEqual([
      '-rwxr-xr-x root/root 10 2023-11-14 22:13:20 gpulab',
      '-rw-r--r-- root/root 1000 2023-11-14 22:13:20 a/README.md',
      '-rw-r--r-- root/root 0 2023-11-14 22:13:20 empty',
    ])
    expect(execFileSync('tar', ['-xzOf', path, 'a/README.md'], { encoding: 'utf8' })).toBe('x'.repeat(1000))
  })

  it('writes the same again', async () => {
    for (const name of ['two.tar.gz', 'three.tar.gz'])
      await writeArchive(join(folder, name), entries, new Date(0))
    expect(await readFile(join(folder, 'two.tar.gz'))).toEqual(await readFile(join(folder, 'three.tar.gz')))
  })

  it('refuses a name that would be cut', async () => {
    await expect(
      writeArchive(
        join(folder, 'long.tar.gz'),
        [{ name: 'x'.repeat(101), source: { text: '' } }],
        new Date(0),
      ),
    ).rejects.toThrow('too long')
  })
})
