import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toFileTime } from './file-time.ts'
import { claimPart, findFacts } from './local-files.ts'
import { toPartName } from './part-name.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-local-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const name = toPartName('file', 'source', { sizeBytes: 5, modified: '1.000000000' })
const other = toPartName('file', 'source', { sizeBytes: 6, modified: '1.000000000' })
const foreign = toPartName('file2', 'source', { sizeBytes: 5, modified: '1.000000000' })

/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn('true')
  await once(child, 'exit')
  return child.pid ?? 0
}

describe('a part', () => {
  it('of a process that has ended is taken over', async () => {
    await writeFile(join(folder, `${name}.${await deadPid()}`), 'half')
    expect(await claimPart(folder, name)).toEqual({
      path: join(folder, `${name}.${process.pid}`),
      sizeBytes: 4,
    })
    expect(await readdir(folder)).toEqual([`${name}.${process.pid}`])
  })

  it('of a process that runs is left to it', async () => {
    const running = `${name}.${process.ppid}`
    await writeFile(join(folder, running), 'half')
    expect(await claimPart(folder, name)).toEqual({
      path: join(folder, `${name}.${process.pid}`),
      sizeBytes: 0,
    })
    expect(await readdir(folder)).toEqual([running])
  })

  it('of another content is removed, of another target is not', async () => {
    const pid = await deadPid()
    await writeFile(join(folder, `${other}.${pid}`), 'half')
    await writeFile(join(folder, `${foreign}.${pid}`), 'half')
    await mkdir(join(folder, `${toPartName('file', 'source')}.${pid}/inner`), { recursive: true })
    expect((await claimPart(folder, name)).sizeBytes).toBe(0)
    expect(await readdir(folder)).toEqual([`${foreign}.${pid}`])
  })

  it('that is a link is none, and is not followed', async () => {
    await writeFile(join(folder, 'canary'), 'canary')
    await symlink('canary', join(folder, `${name}.${await deadPid()}`))
    expect((await claimPart(folder, name)).sizeBytes).toBe(0)
    expect(await readdir(folder)).toEqual(['canary'])
  })
})

describe('facts', () => {
  it.each([
    [0, '0.000000000'],
    [1_000_000_000.5, '1000000000.500000000'],
    [-1.5, '-2.500000000'],
  ])('have times before and after 1970 (%d)', async (seconds, modified) => {
    await writeFile(join(folder, 'file'), '')
    await utimes(join(folder, 'file'), 0, toFileTime(seconds))
    expect((await findFacts(join(folder, 'file'), { followLinks: false }))?.modified).toBe(modified)
  })

  it('are none where there is nothing, and below a file', async () => {
    await writeFile(join(folder, 'file'), '')
    expect(await findFacts(join(folder, 'none'), { followLinks: true })).toBeUndefined()
    expect(await findFacts(join(folder, 'file/none'), { followLinks: true })).toBeUndefined()
  })
})
