import { execFile } from 'node:child_process'
import { lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { bytesOf } from './open-workers.ts'
import { code, useVolume } from './volume-calls.ts'

const run = promisify(execFile)
const { open, list, read, write, remove, move, makeLink, makeFolder } = await useVolume()

describe('links', () => {
  beforeEach(async () => {
    await writeFile(join(open.outside, 'secret'), 'secret')
    await mkdir(join(open.root, 'etc'))
    await writeFile(join(open.root, 'etc/passwd'), 'inside')
    await symlink('/etc/passwd', join(open.root, 'absolute'))
    await symlink('../../../../../../etc/passwd', join(open.root, 'relative'))
    await symlink(open.outside, join(open.root, 'out'))
    await symlink('loop', join(open.root, 'loop'))
    await symlink('/proc/self/environ', join(open.root, 'environment'))
  })

  it('lead to where they would with the volume as the root of everything', async () => {
    expect(await text((await read('absolute')).body)).toBe('inside')
    expect(await text((await read('relative')).body)).toBe('inside')
    await expect(read('out/secret')).rejects.toThrow(code('path_not_found'))
    await expect(read('environment')).rejects.toThrow(code('path_not_found'))
    await expect(read('loop')).rejects.toThrow(code('path_not_allowed'))
  })

  it('are written through inside, and never out', async () => {
    await write('absolute', bytesOf('changed'))
    expect(await readFile(join(open.root, 'etc/passwd'), 'utf8')).toBe('changed')
    expect((await lstat(join(open.root, 'absolute'))).isSymbolicLink()).toBe(true)
    for (const name of ['out/new', 'out/secret']) {
      await expect(write(name, bytesOf('x'))).rejects.toThrow(code('path_not_found'))
    }
    expect(await readFile(join(open.outside, 'secret'), 'utf8')).toBe('secret')
    expect(await readdir(open.outside)).toEqual(['secret'])
  })

  it('are removed and moved themselves', async () => {
    await remove('out', true)
    await move('absolute', 'moved')
    expect((await lstat(join(open.root, 'moved'))).isSymbolicLink()).toBe(true)
    expect(await readdir(open.outside)).toEqual(['secret'])
    expect(await readFile(join(open.root, 'etc/passwd'), 'utf8')).toBe('inside')
  })

  it('in a folder that is removed are not followed', async () => {
    await mkdir(join(open.root, 'tree/deep'), { recursive: true })
    await symlink(open.outside, join(open.root, 'tree/deep/out'))
    await remove('tree', true)
    expect(await readdir(open.outside)).toEqual(['secret'])
    await expect(stat(join(open.root, 'tree'))).rejects.toThrow(/ENOENT/)
  })
})

describe('a link that is made', () => {
  it('leads where it was told to, and elsewhere when told again', async () => {
    await makeLink('l', 'nowhere/yet')
    expect(await readlink(join(open.root, 'l'))).toBe('nowhere/yet')
    await makeLink('l', '/etc/passwd')
    await makeLink('l', '/etc/passwd')
    expect(await readlink(join(open.root, 'l'))).toBe('/etc/passwd')
    await expect(read('l')).rejects.toThrow(code('path_not_found'))
    await makeLink('bytes', Buffer.from([0xff, 0x0a]))
    expect(await readlink(join(open.root, 'bytes'), { encoding: 'buffer' })).toEqual(
      Buffer.from([0xff, 0x0a]),
    )
    expect(await readdir(open.staging)).toEqual([])
  })

  it('takes the place of nothing else, and leads to nothing that is no path', async () => {
    await mkdir(join(open.root, 'folder'))
    await writeFile(join(open.root, 'file'), 'x')
    for (const name of ['folder', 'file'])
      await expect(makeLink(name, 'a')).rejects.toThrow(code('path_conflict'))
    await expect(makeLink('/', 'a')).rejects.toThrow(code('path_conflict'))
    await expect(makeLink('missing/l', 'a')).rejects.toThrow(code('path_not_found'))
    for (const target of ['', 'a\0b', 'x'.repeat(4096)])
      await expect(makeLink('l', target)).rejects.toThrow(code('invalid_request'))
    expect(await readFile(join(open.root, 'file'), 'utf8')).toBe('x')
    expect(await readdir(open.staging)).toEqual([])
  })
})

describe('what is no file', () => {
  it('is never opened or waited for', async () => {
    await run('mkfifo', [join(open.root, 'pipe')])
    await run('mknod', [join(open.root, 'zero'), 'c', '1', '5'])
    const server = createServer().listen(join(open.root, 'socket'))
    try {
      for (const name of ['pipe', 'zero', 'socket']) {
        await expect(read(name)).rejects.toThrow(code('path_not_allowed'))
        await expect(write(name, bytesOf('x'))).rejects.toThrow(code('path_not_allowed'))
      }
      for (const name of ['pipe', 'zero', 'socket']) await remove(name)
    } finally {
      server.close()
    }
  })

  it('is not taken for a file where it is a folder, nor the other way', async () => {
    await mkdir(join(open.root, 'folder/sub'), { recursive: true })
    await writeFile(join(open.root, 'file'), 'x')
    await expect(read('folder')).rejects.toThrow(code('path_conflict'))
    await expect(write('folder', bytesOf('x'))).rejects.toThrow(code('path_conflict'))
    await expect(list('file')).rejects.toThrow(code('path_conflict'))
    await expect(read('file/below')).rejects.toThrow(code('path_conflict'))
    await expect(remove('folder')).rejects.toThrow(code('path_conflict'))
    await expect(remove('/', true)).rejects.toThrow(code('path_conflict'))
    await expect(makeFolder('file/x', true)).rejects.toThrow(code('path_conflict'))
  })
})
