import { createHash, randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readFile as read,
  readdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  commitFile,
  hashFile,
  makeDirectory,
  readFile,
  removeFile,
  statFile,
  writeTemporaryFile,
} from './files.ts'
import type { GuestConnection } from './guest-connection.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection
let folder: string
const links = { followLinks: true }
const noLinks = { followLinks: false }
const code = (name: string) => expect.objectContaining({ code: name })
const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
beforeEach(async () => {
  folder = await mkdtemp(join(guest.directory, 'files-'))
})
afterAll(() => guest[Symbol.asyncDispose]())

async function* pieces(content: Buffer, size = 100_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

async function collectContent(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

describe('facts', () => {
  test('are those of files, directories, links and others', async () => {
    const file = join(folder, 'a file\nwith a strange name')
    await writeFile(file, 'abc', { mode: 0o640 })
    await chmod(file, 0o4751)
    await symlink('nowhere', join(folder, 'link'))
    execFileSync('mkfifo', [join(folder, 'fifo')])
    expect(await statFile(connection, file, noLinks)).toEqual({
      type: 'file',
      mode: 0o4751,
      sizeBytes: 3,
      modified: expect.stringMatching(/^\d+\.\d{9}$/),
    })
    expect((await statFile(connection, folder, noLinks)).type).toBe('directory')
    expect((await statFile(connection, '/', noLinks)).type).toBe('directory')
    expect((await statFile(connection, join(folder, 'link'), noLinks)).type).toBe('link')
    expect((await statFile(connection, join(folder, 'fifo'), noLinks)).type).toBe('other')
    await expect(statFile(connection, join(folder, 'link'), links)).rejects.toThrow(code('ENOENT'))
    await expect(statFile(connection, join(file, 'x'), noLinks)).rejects.toThrow(code('ENOTDIR'))
  })
})

describe('reading', () => {
  test('gives any range of a file', async () => {
    const content = randomBytes(3_000_000)
    const path = join(folder, 'content')
    await writeFile(path, content)
    for (const [offset, lengthBytes] of [
      [0, 5_000_000],
      [0, 0],
      [1, 1],
      [2_999_999, 10],
      [100_000, 2_000_000],
      [4_000_000, 1],
    ] as const) {
      const { facts, content: range } = await readFile(connection, path, { ...noLinks, offset, lengthBytes })
      expect(facts.sizeBytes).toBe(content.length)
      expect((await collectContent(range)).equals(content.subarray(offset, offset + lengthBytes))).toBe(true)
    }
    expect(await hashFile(connection, path, noLinks)).toEqual({
      sizeBytes: content.length,
      sha256: hash(content),
    })
    expect((await hashFile(connection, path, { ...noLinks, lengthBytes: 77 })).sha256).toBe(
      hash(content.subarray(0, 77)),
    )
  })

  test('can be stopped', async () => {
    const path = join(folder, 'zeros')
    await writeFile(path, Buffer.alloc(10 << 20))
    const { content, stop } = await readFile(connection, path, noLinks)
    await content.next()
    await stop()
    await expect(collectContent(content)).rejects.toThrow()
  })

  test('refuses what is no regular file, without waiting for it', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')])
    await expect(readFile(connection, join(folder, 'fifo'), links)).rejects.toThrow(code('EINVAL'))
    await expect(readFile(connection, '/dev/zero', links)).rejects.toThrow(code('EINVAL'))
    await expect(readFile(connection, folder, links)).rejects.toThrow(code('EISDIR'))
    await expect(readFile(connection, join(folder, 'none'), links)).rejects.toThrow(code('ENOENT'))
  })
})

describe('writing', () => {
  test('appears as a whole, with its mode and time', async () => {
    const content = randomBytes(2_500_000)
    const target = join(folder, 'target')
    await writeFile(target, 'old', { mode: 0o600 })
    const temporary = join(folder, '.target.gpulab-1')
    const written = await writeTemporaryFile(connection, temporary, pieces(content), links)
    expect(written).toEqual({ sizeBytes: content.length, sha256: hash(content) })
    expect(await read(target, 'utf8')).toBe('old')
    await commitFile(connection, temporary, {
      ...links,
      name: 'target',
      mode: 0o755,
      modified: '1000000000.500000000',
    })
    expect((await read(target)).equals(content)).toBe(true)
    expect(await readdir(folder)).toEqual(['target'])
    const { mode, mtimeMs } = await stat(target)
    expect([mode & 0o7777, mtimeMs]).toEqual([0o755, 1_000_000_000_500])
  })

  test('resumes where it was cut', async () => {
    const content = randomBytes(3_000_000)
    const temporary = join(folder, '.temporary')
    const failing = async function* () {
      yield content.subarray(0, 1_000_000)
      await eventually(async () => expect((await stat(temporary)).size).toBe(1_000_000))
      throw new Error('cut')
    }
    await expect(writeTemporaryFile(connection, temporary, failing(), links)).rejects.toThrow('cut')
    const { sizeBytes } = await statFile(connection, temporary, noLinks)
    expect(sizeBytes).toBe(1_000_000)
    const offset = 900_000
    const rest = pieces(content.subarray(offset))
    const written = await writeTemporaryFile(connection, temporary, rest, { ...links, offset })
    expect(written).toEqual({ sizeBytes: content.length, sha256: hash(content) })
    const beyond = writeTemporaryFile(connection, temporary, pieces(content), { ...links, offset: 3_000_001 })
    await expect(beyond).rejects.toThrow(code('ERANGE'))
  })

  test('leaves the old file when the guest is killed in the middle', async () => {
    await using other = await startTestGuest()
    const otherConnection = await other.connect()
    const target = join(folder, 'target')
    await writeFile(target, 'old')
    const endless = async function* () {
      for (;;) yield Buffer.alloc(1 << 16)
    }
    const writing = writeTemporaryFile(otherConnection, join(folder, '.temporary'), endless(), links)
    writing.catch(() => undefined)
    await eventually(async () =>
      expect((await stat(join(folder, '.temporary'))).size).toBeGreaterThan(1 << 20),
    )
    process.kill(other.pid, 'SIGKILL')
    await expect(writing).rejects.toThrow(code('lost'))
    expect(await read(target, 'utf8')).toBe('old')
    await removeFile(connection, join(folder, '.temporary'), noLinks)
    expect(await readdir(folder)).toEqual(['target'])
  })

  test('says why it stopped', async () => {
    const writing = writeTemporaryFile(connection, join(folder, 'none/x'), pieces(Buffer.alloc(10)), links)
    await expect(writing).rejects.toThrow(code('ENOENT'))
  })
})

describe('links', () => {
  const outside = 'outside'

  beforeEach(async () => {
    await mkdir(join(folder, 'real'))
    await writeFile(join(folder, outside), 'canary')
    await symlink(join(folder, 'real'), join(folder, 'way'))
    await symlink(join(folder, outside), join(folder, 'real/leaf'))
  })

  test('on the way are followed only where that was asked for', async () => {
    const path = join(folder, 'way/file')
    await writeTemporaryFile(connection, path, pieces(Buffer.from('x')), links)
    expect(await readdir(join(folder, 'real'))).toContain('file')
    for (const attempt of [
      () => statFile(connection, path, noLinks),
      () => readFile(connection, path, noLinks),
      () => writeTemporaryFile(connection, path, pieces(Buffer.from('x')), noLinks),
      () => makeDirectory(connection, join(folder, 'way/new'), { ...noLinks, mode: 0o755 }),
      () => removeFile(connection, path, noLinks),
      () => commitFile(connection, path, { ...noLinks, name: 'other', mode: 0o644 }),
    ]) {
      await expect(attempt()).rejects.toThrow(code('ENOTDIR'))
    }
  })

  test('at the end are never written through', async () => {
    const leaf = join(folder, 'real/leaf')
    await expect(writeTemporaryFile(connection, leaf, pieces(Buffer.from('x')), links)).rejects.toThrow(
      code('ELOOP'),
    )
    await writeFile(join(folder, 'real/new'), 'new')
    await commitFile(connection, join(folder, 'real/new'), { ...links, name: 'leaf', mode: 0o644 })
    expect(await read(join(folder, outside), 'utf8')).toBe('canary')
    expect(await read(leaf, 'utf8')).toBe('new')
  })

  test('to several names are not written through either', async () => {
    await link(join(folder, outside), join(folder, 'second'))
    const writing = writeTemporaryFile(connection, join(folder, 'second'), pieces(Buffer.from('x')), links)
    await expect(writing).rejects.toThrow(code('EMLINK'))
    expect(await read(join(folder, outside), 'utf8')).toBe('canary')
  })

  test('are exchanged by the tenant in vain', { timeout: 30_000 }, async () => {
    // Somebody swaps a directory and a link that leads out, all the time.
    const swap = `cd "$0"; mkdir -p dir trap; while :; do rm -rf dir; ln -s ../${outside}s dir; rm dir; mkdir dir; done`
    await mkdir(join(folder, `${outside}s`))
    await mkdir(join(folder, 'work'))
    const stream = await connection.run({
      id: crypto.randomUUID(),
      argv: ['sh', '-c', swap, join(folder, 'work')],
    })
    for (let round = 0; round < 200; round++) {
      const path = join(folder, 'work/dir/file')
      await writeTemporaryFile(connection, path, pieces(Buffer.from('x')), noLinks).catch(() => undefined)
    }
    expect(await readdir(join(folder, `${outside}s`))).toEqual([])
    await stream.detach()
  })
})

describe('directories', () => {
  test('are made and told', async () => {
    const path = join(folder, 'new')
    await makeDirectory(connection, path, { ...noLinks, mode: 0o700 })
    expect((await statFile(connection, path, noLinks)).type).toBe('directory')
    await expect(makeDirectory(connection, path, { ...noLinks, mode: 0o700 })).rejects.toThrow(code('EEXIST'))
    await expect(removeFile(connection, path, noLinks)).rejects.toThrow(code('EISDIR'))
  })
})
