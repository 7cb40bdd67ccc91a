import { GpulabError } from '@gpulab/contract'
import { readTree } from '@gpulab/testing'
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { longHeader, paxHeader, rawEntry, rawTar } from '../../../test/raw-tar.ts'
import { downloadTree } from '../download-tree.ts'

let sandbox: string

// What must never be touched lies beside and above the folder that is copied into.
beforeEach(async () => {
  sandbox = await mkdtemp(join(tmpdir(), 'gpulab-hostile-'))
  await mkdir(join(sandbox, 'outside'))
  await writeFile(join(sandbox, 'outside/canary'), 'canary')
  await mkdir(join(sandbox, 'here/old'), { recursive: true })
  await writeFile(join(sandbox, 'here/old/kept'), 'kept')
  await symlink('../outside', join(sandbox, 'here/way'))
  await symlink('../outside/canary', join(sandbox, 'here/leaf'))
})
afterEach(() => rm(sandbox, { recursive: true, force: true }))

/** A source that sends these bytes. */
const packOf = (archive: Buffer, failure?: Error) => async (write: (bytes: Uint8Array) => Promise<void>) => {
  for (let at = 0; at < archive.length; at += 1000) await write(archive.subarray(at, at + 1000))
  if (failure) throw failure
}

interface Options {
  /** Beside what is there, instead of as a new folder. */
  readonly isMerge?: boolean
  readonly skipUnsafe?: string[]
  /** After all of it was sent. */
  readonly failure?: Error
}

function unpack(archive: Buffer, { isMerge = false, skipUnsafe, failure }: Options = {}): Promise<void> {
  const name = isMerge ? undefined : 'new'
  const target = { folder: join(sandbox, 'here'), name, isMerge, makes: undefined }
  const progress = { bytes: 0, files: 0, totalBytes: undefined, stop: () => {} }
  const onUnsafe = skipUnsafe && ((error: GpulabError): void => void skipUnsafe.push(error.message))
  return downloadTree(
    { sourceId: 'x', pack: packOf(archive, failure), isLink: false, target, onUnsafe },
    progress,
  )
}

const outside = (): string[] => readTree(sandbox).filter((line) => !line.startsWith('here/'))
const file = { name: 'a', content: 'evil' }
const deep = 'd/'.repeat(1600)
const bigSize = Buffer.from([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])

const refused: readonly (readonly [string, Buffer])[] = [
  ['an absolute name', rawTar({ ...file, name: '/tmp/evil' })],
  ['an absolute name with more slashes', rawTar({ ...file, name: '///evil' })],
  ['a name that goes up', rawTar({ ...file, name: '../outside/evil' })],
  ['a name that goes up in its middle', rawTar({ ...file, name: 'a/../../outside/evil' })],
  ['a name that goes up at its end', rawTar({ name: 'a/..', flag: '5' })],
  ['a name that goes up after a dot', rawTar({ ...file, name: './../outside/evil' })],
  ['only dots', rawTar({ name: '..', flag: '5' })],
  ['a prefix that goes up', rawTar({ ...file, prefix: '../outside', name: 'evil' })],
  ['an absolute prefix', rawTar({ ...file, prefix: '/tmp', name: 'evil' })],
  ['a long name that goes up', rawTar(longHeader('../outside/evil'), file)],
  ['a long absolute name', rawTar(longHeader('/tmp/evil'), file)],
  ['a PAX name that goes up', rawTar(paxHeader({ path: '../outside/evil' }), file)],
  ['a PAX absolute name', rawTar(paxHeader({ path: '/tmp/evil' }), file)],
  [
    'a global PAX name that goes up',
    rawTar(paxHeader({ path: '../evil' }, 'g'), paxHeader({ uid: '0' }), file),
  ],
  ['a NUL within a PAX name', rawTar(paxHeader({ path: 'a\0b' }), file)],
  ['a PAX name that is not UTF-8', rawTar(paxHeader({ path: Buffer.from([0x61, 0xff]) }), file)],
  ['an absolute link', rawTar({ name: 'l', flag: '2', target: '/etc/passwd' })],
  ['a link that goes up', rawTar({ name: 'l', flag: '2', target: '../outside' })],
  ['a link that goes up too far from below', rawTar({ name: 'd/l', flag: '2', target: '../../outside' })],
  ['a link that goes down and up', rawTar({ name: 'l', flag: '2', target: 'a/../../outside' })],
  [
    'a link that goes up through a link',
    rawTar({ name: 'd/up', flag: '2', target: '..' }, { name: 'd/l', flag: '2', target: 'up/../outside' }),
  ],
  [
    'a PAX link that goes up',
    rawTar(paxHeader({ linkpath: '../outside' }), { name: 'l', flag: '2', target: 'a' }),
  ],
  ['a long link that goes up', rawTar(longHeader('../outside', 'K'), { name: 'l', flag: '2', target: 'a' })],
  ['an empty link', rawTar({ name: 'l', flag: '2', target: '' })],
  [
    'a file below a link',
    rawTar(
      { name: 'd', flag: '5' },
      { name: 'l', flag: '2', target: 'd' },
      { name: 'l/evil', content: 'evil' },
    ),
  ],
  [
    'a folder in the place of a link',
    rawTar({ name: 'l', flag: '2', target: 'd' }, { name: 'l', flag: '5' }),
  ],
  [
    'a file in the place of a link',
    rawTar({ name: 'l', flag: '2', target: 'd' }, { name: 'l', content: 'evil' }),
  ],
  [
    'a link in the place of a folder',
    rawTar({ name: 'd', flag: '5' }, { name: 'd', flag: '2', target: 'a' }),
  ],
  ['a file in the place of a folder', rawTar({ name: 'd', flag: '5' }, { name: 'd', content: 'evil' })],
  ['a folder in the place of a file', rawTar(file, { name: 'a', flag: '5' })],
  ['a file below a file', rawTar(file, { name: 'a/b', content: 'evil' })],
  ['a link in the place of a file', rawTar(file, { name: 'a', flag: '2', target: 'b' })],
  ['a hard link to an absolute path', rawTar({ name: 'h', flag: '1', target: '/etc/passwd' })],
  ['a hard link that goes up', rawTar({ name: 'h', flag: '1', target: '../outside/canary' })],
  ['a hard link to nothing', rawTar({ name: 'h', flag: '1', target: 'none' })],
  ['a hard link with no target', rawTar({ name: 'h', flag: '1', target: '' })],
  [
    'a hard link to a link',
    rawTar({ name: 'l', flag: '2', target: 'a' }, { name: 'h', flag: '1', target: 'l' }),
  ],
  [
    'a hard link through a link',
    rawTar(
      { name: 'd', flag: '5' },
      { name: 'd/a', content: 'x' },
      { name: 'l', flag: '2', target: 'd' },
      { name: 'h', flag: '1', target: 'l/a' },
    ),
  ],
  ['a hard link to a folder', rawTar({ name: 'd', flag: '5' }, { name: 'h', flag: '1', target: 'd' })],
  ['a hard link to itself', rawTar({ name: 'h', flag: '1', target: 'h' })],
  ['a character device', rawTar({ name: 'null', flag: '3' })],
  ['a block device', rawTar({ name: 'sda', flag: '4' })],
  ['a named pipe', rawTar({ name: 'pipe', flag: '6' })],
  ['a sparse file of GNU', rawTar({ name: 's', flag: 'S', content: 'x', magic: 'ustar  \0' })],
  ['a sparse file of PAX', rawTar(paxHeader({ 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0' }), file)],
  ['the continuation of another volume', rawTar({ name: 'm', flag: 'M', content: 'x' })],
  ['a kind that nobody knows', rawTar({ name: 'v', flag: 'V' })],
  ['a file without a name', rawTar({ name: './', content: '' })],
  ['a name that is longer than names can be', rawTar(longHeader('n'.repeat(300)), file)],
  ['a path that is longer than paths can be', rawTar(longHeader(`${deep}x`), file)],
  ['a header for a name of gigabytes', rawTar({ name: 'x', flag: 'L', size: 0o77777777777 })],
  ['a PAX header of gigabytes', rawTar({ name: 'x', flag: 'x', size: 0o7777777777 })],
  ['a size beyond all numbers', rawTar({ ...file, size: bigSize })],
  ['a PAX size that is no number', rawTar(paxHeader({ size: 'x' }), file)],
  ['a PAX size below nothing', rawTar(paxHeader({ size: '-1' }), file)],
  ['a wrong checksum', rawTar({ ...file, checksum: 1 })],
  ['an end within a content', rawTar({ ...file, content: 'x'.repeat(2000) }).subarray(0, 1500)],
  ['an end within a header', rawEntry(file).subarray(0, 300)],
  ['what is no archive at all', Buffer.from('no archive '.repeat(500))],
  ['what is compressed', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(2000, 7)])],
]

describe('an archive with', () => {
  it.each(refused)('%s is refused, and leaves nothing', async (_what, archive) => {
    const before = outside()
    const here = readTree(join(sandbox, 'here'))
    const good = rawEntry({ name: 'good', content: 'good' })
    for (const each of [archive, Buffer.concat([good, archive])]) {
      await expect(unpack(each)).rejects.toThrow(GpulabError)
      await expect(unpack(each, { isMerge: true })).rejects.toThrow(GpulabError)
    }
    expect(outside()).toEqual(before)
    expect(readTree(join(sandbox, 'here'))).toEqual(here)
  })

  it('an end that its program calls a failure leaves nothing', async () => {
    await expect(unpack(rawTar(file), { failure: new GpulabError('copy_failed') })).rejects.toThrow(
      GpulabError,
    )
    expect(await readdir(join(sandbox, 'here'))).toEqual(['leaf', 'old', 'way'])
  })
})

describe('what is unpacked', () => {
  const newTree = (): string[] => readTree(join(sandbox, 'here/new'))

  it('has no bits that give rights of whoever unpacks it', async () => {
    await unpack(rawTar({ ...file, mode: 0o6755 }, { name: 'd', flag: '5', mode: 0o7777 }))
    expect(newTree()).toEqual([expect.stringMatching(/^a 755 /), expect.stringMatching(/^d\/ 777 /)])
  })

  it('may have names, contents and times of any kind', async () => {
    const name = 'new\nline \x1b]0;\xff\xfe'
    const long = 'n'.repeat(250)
    await unpack(
      rawTar(
        { name, content: 'one' },
        longHeader(`${long}/${long}`),
        { name: 'short', content: 'two' },
        paxHeader({ path: 'päx', mtime: '1000000000.75' }),
        { name: 'x', content: 'three' },
        { name: 'old', content: 'v7', magic: '' },
        { name: 'contiguous', content: 'x', flag: '7' },
      ),
    )
    const names = newTree().map((line) => line.split(/ \d+ 1000000000| \d+ \d+$/)[0] ?? '')
    expect(new Set(names)).toEqual(
      new Set([
        Buffer.from('päx').toString('latin1'),
        'contiguous',
        name,
        `${long}/`,
        `${long}/${long}`,
        'old',
      ]),
    )
  })

  it.each(['1e300', '-1e300', 'NaN', 'Infinity', '-5.5', '99999999999999999999'])(
    'may have the time %s',
    async (mtime) => {
      await unpack(
        rawTar(
          paxHeader({ mtime }),
          file,
          paxHeader({ mtime }),
          { name: 'l', flag: '2', target: 'a' },
          paxHeader({ mtime }),
          { name: 'd', flag: '5' },
        ),
      )
      const time = mtime === '-5.5' ? -6 : 0
      expect(newTree()).toEqual([
        expect.stringMatching(new RegExp(`^a 644 ${time} `)),
        `d/ 644 ${time}`,
        'l -> a',
      ])
    },
  )

  it('may be told twice: the last one counts', async () => {
    await unpack(
      rawTar(
        file,
        { name: 'h', flag: '1', target: 'a' },
        { ...file, content: 'second' },
        { name: 'd', flag: '5', mode: 0o700 },
        { name: 'd', flag: '5', mode: 0o750 },
      ),
    )
    expect(newTree()).toEqual([
      expect.stringMatching(/^a 644 1000000000 6 /),
      'd/ 750 1000000000',
      expect.stringMatching(/^h 644 1000000000 4 /),
    ])
  })

  it('may have links to what is in it, up and down', async () => {
    await unpack(
      rawTar({ name: 'd/e/up', flag: '2', target: '../../a' }, { name: 'l', flag: '2', target: './d/e' }),
    )
    expect(newTree()).toContain('d/e/up -> ../../a')
    expect(newTree()).toContain('l -> ./d/e')
  })

  it('makes folders that are not told, and may be read-only', async () => {
    await unpack(
      rawTar(
        { name: 'd', flag: '5', mode: 0o500 },
        { name: 'd/x', content: 'x' },
        { name: 'e/f/g', content: 'y' },
      ),
    )
    expect(newTree().map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'd/ 500',
      'd/x 644',
      'e/ 755',
      'e/f/ 755',
      'e/f/g 644',
    ])
  })

  it('replaces links that were there, and never goes through them', async () => {
    const before = outside()
    await unpack(rawTar({ name: 'leaf', content: 'mine' }, { name: 'old/new', content: 'x' }), {
      isMerge: true,
    })
    expect(outside()).toEqual(before)
    expect(readTree(join(sandbox, 'here'), { times: false }).map((line) => line.split(' ')[0])).toEqual([
      'leaf',
      'old/',
      'old/kept',
      'old/new',
      'way',
    ])
    await expect(unpack(rawTar({ name: 'way/evil', content: 'evil' }), { isMerge: true })).rejects.toThrow(
      /way/,
    )
    expect(outside()).toEqual(before)
  })

  it('leaves unsafe entries out where that was asked for', async () => {
    const told: string[] = []
    const archive = rawTar(
      file,
      { name: 'l', flag: '2', target: '/etc' },
      { name: 'l/x', content: 'x' },
      { name: 'b', content: 'b' },
    )
    await unpack(archive, { skipUnsafe: told })
    expect(told).toEqual(['"l" is a link that leads out, to /etc.'])
    expect(newTree().map((line) => line.split(' ')[0])).toEqual(['a', 'b', 'l/', 'l/x'])
  })
})
