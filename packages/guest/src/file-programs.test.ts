import { createHash, randomBytes, randomUUID } from 'node:crypto'
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { createRandom, eventually, growTree, readTree } from '@gpulab/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GuestConnection } from './guest-connection.ts'
import { collect } from './test-support/collect.ts'
import { startTestGuest, type TestGuest } from './test-support/test-guest.ts'

let guest: TestGuest
let connection: GuestConnection
let folder: string
const hash = (content: Uint8Array) => createHash('sha256').update(content).digest('hex')

beforeAll(async () => {
  guest = await startTestGuest()
  connection = await guest.connect()
}, 120_000)
beforeEach(async () => {
  folder = await mkdtemp(join(guest.directory, 'programs-'))
})
afterAll(() => guest[Symbol.asyncDispose]())

const start = (name: string, ...args: string[]) => startAs(randomUUID(), name, ...args)
const startAs = (id: string, name: string, ...args: string[]) =>
  connection.run({
    id,
    argv: ['/proc/self/exe', name, 'follow', ...args],
    input: name === 'write',
    lossless: true,
  })
async function run(name: string, ...args: string[]): Promise<{ stdout: Buffer; stderr: string }> {
  const { stdout, stderr } = await collect(await start(name, ...args))
  return { stdout, stderr: stderr.toString().trim() }
}

describe('send', () => {
  const facts = 'file 644 3000000 1000000000.000000000\n'
  const content = randomBytes(3_000_000)
  let path: string

  beforeEach(async () => {
    path = join(folder, 'content')
    await writeFile(path, content, { mode: 0o644 })
    await utimes(path, 1e9, 1e9)
  })

  test.each([0, 1, 2_999_999, 3_000_000])(
    'gives the content from byte %i on, between facts and hashes',
    async (offset) => {
      const { stdout } = await run('send', path, String(offset))
      const expected = [
        `${facts}${offset} ${hash(content.subarray(0, offset))}\n`,
        content.subarray(offset),
        `3000000 ${hash(content)}\n${facts}`,
      ]
      expect(stdout.equals(Buffer.concat(expected.map((each) => Buffer.from(each as string))))).toBe(true)
    },
  )

  test('tells of a file that has become shorter, and of one that has become longer', async () => {
    /** Starts and waits until it waits for its reader. */
    const startSending = async () => {
      await writeFile(path, Buffer.alloc(20 << 20))
      const id = randomUUID()
      const stream = await startAs(id, 'send', path, '0')
      await eventually(async () => {
        const own = (await connection.list()).find((row) => row.id === id)
        expect(own?.endOffset).toBeGreaterThan(0)
      })
      return stream
    }
    const short = await startSending()
    await truncate(path, 10 << 20)
    expect((await collect(short)).stderr.toString()).toBe('ESTALE\n')
    const long = await startSending()
    await truncate(path, 30 << 20)
    const { stdout } = await collect(long)
    expect(stdout.subarray(-400).toString('latin1')).toMatch(
      /20971520 [0-9a-f]{64}\nfile \d+ 31457280 [\d.]+\n$/,
    )
  })

  test.each([
    ['a folder', '.', 'EISDIR'],
    ['what is not there', 'none', 'ENOENT'],
  ])('refuses %s', async (_what, name, errno) => {
    expect((await run('send', join(folder, name), '0')).stderr).toBe(errno)
  })

  test('refuses to begin behind the end', async () => {
    expect((await run('send', path, '3000001')).stderr).toBe('ERANGE')
    expect((await run('send', '/proc/self/status', '0')).stderr).toBe('EOPNOTSUPP')
  })
})

describe('write', () => {
  test('tells at once what is there, and lets nobody else write', async () => {
    const path = join(folder, 'part')
    await writeFile(path, 'beginning')
    const stream = await start('write', path, '5')
    const output = stream.output()
    const first = await output.next()
    expect(first.value?.kind === 'stdout' && first.value.bytes.toString()).toBe(
      `5 ${hash(Buffer.from('begin'))}\n`,
    )
    const second = await start('write', path, '0')
    await second.endInput()
    expect((await collect(second)).stderr.toString()).toBe('EBUSY\n')
    await stream.write(Buffer.from('ning'))
    await stream.endInput()
    const last = await output.next()
    expect(last.value?.kind === 'stdout' && last.value.bytes.toString()).toBe(
      `9 ${hash(Buffer.from('beginning'))}\n`,
    )
    expect(await readFile(path, 'utf8')).toBe('beginning')
  })
})

describe('commit', () => {
  test('gives a folder its name, mode and time', async () => {
    await mkdir(join(folder, 'staged/inner'), { recursive: true })
    expect(await run('commit', join(folder, 'staged'), 'name', '1750', '1000000000.500000000')).toEqual({
      stdout: Buffer.alloc(0),
      stderr: '',
    })
    const { mode, mtimeMs } = await stat(join(folder, 'name'))
    expect([await readdir(folder), mode & 0o7777, mtimeMs]).toEqual([['name'], 0o1750, 1_000_000_000_500])
  })

  test('takes the place of no folder that has something in it', async () => {
    await mkdir(join(folder, 'staged'))
    await mkdir(join(folder, 'name/inner'), { recursive: true })
    expect((await run('commit', join(folder, 'staged'), 'name', '755', '-')).stderr).toBe('ENOTEMPTY')
  })
})

describe('merge', () => {
  const staged = '.staged'

  test.each([1, 2, 3, 4, 5])('gives what tar gives when it unpacks over a tree (%i)', async (seed) => {
    // Into an empty folder, then over itself: the same names everywhere.
    growTree(join(folder, staged), createRandom(seed))
    const tree = readTree(join(folder, staged))
    expect((await run('merge', join(folder, staged))).stderr).toBe('')
    expect(readTree(folder)).toEqual(tree)
    growTree(join(folder, staged), createRandom(seed))
    expect((await run('merge', join(folder, staged))).stderr).toBe('')
    expect(readTree(folder)).toEqual(tree)
  })

  test('keeps what is there beside it, and replaces files and links', async () => {
    await mkdir(join(folder, 'both'))
    await writeFile(join(folder, 'both/old'), 'old')
    await writeFile(join(folder, 'both/file'), 'old')
    await symlink('/etc/passwd', join(folder, 'link'))
    await mkdir(join(folder, staged, 'both'), { recursive: true })
    await writeFile(join(folder, staged, 'both/file'), 'new')
    await writeFile(join(folder, staged, 'link'), 'no link now')
    await chmod(join(folder, staged, 'both'), 0o500)
    await utimes(join(folder, staged, 'both'), 1e9, 1e9)
    expect((await run('merge', join(folder, staged))).stderr).toBe('')
    expect(await readFile(join(folder, 'both/file'), 'utf8')).toBe('new')
    expect(await readFile(join(folder, 'link'), 'utf8')).toBe('no link now')
    expect(readTree(folder).map((line) => line.split(' ')[0])).toEqual([
      'both/',
      'both/file',
      'both/old',
      'link',
    ])
    const { mode, mtimeMs } = await stat(join(folder, 'both'))
    expect([mode & 0o777, mtimeMs]).toEqual([0o500, 1e12])
  })

  test.each([
    ['a folder', 'a file', 'ENOTDIR'],
    ['a folder', 'a link', 'ENOTDIR'],
    ['a file', 'a folder', 'EISDIR'],
  ])('moves nothing where %s would take the place of %s', async (what, old, errno) => {
    const make = async (kind: string, path: string): Promise<void> => {
      if (kind === 'a folder') await mkdir(path)
      else if (kind === 'a link') await symlink('/tmp', path)
      else await writeFile(path, kind)
    }
    await mkdir(join(folder, staged, 'deep'), { recursive: true })
    await mkdir(join(folder, 'deep'))
    await writeFile(join(folder, staged, 'a'), 'a')
    await make(what, join(folder, staged, 'deep/x'))
    await make(old, join(folder, 'deep/x'))
    const before = readTree(folder)
    expect((await run('merge', join(folder, staged))).stderr).toBe(errno)
    expect(readTree(folder)).toEqual(before)
  })

  test('goes as deep as it may have files open, and says where not', async () => {
    const deep = 'd/'.repeat(200)
    await mkdir(join(folder, staged, deep), { recursive: true })
    await mkdir(join(folder, deep), { recursive: true })
    expect((await run('merge', join(folder, staged))).stderr).toBe('')
    const deeper = 'd/'.repeat(1500)
    await mkdir(join(folder, staged, deeper), { recursive: true })
    await mkdir(join(folder, deeper), { recursive: true })
    expect((await run('merge', join(folder, staged))).stderr).toMatch(/^(EMFILE|)$/)
  })
})
