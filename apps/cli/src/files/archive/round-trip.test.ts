import { createRandom, growTree, readTree } from '@gpulab/testing'
import fc from 'fast-check'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { paxHeader, rawTar } from '../../../test/raw-tar.ts'
import { Extraction } from './extraction.ts'
import { packFolders, packTree } from './pack-tree.ts'
import { createTarReader } from './read-tar.ts'
import { repack } from './repack.ts'
import { encodeTarHeader, type TarEntry } from '@gpulab/transport/tar-header'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gpulab-archive-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const toBytes = (path: string): string => Buffer.from(path).toString('latin1')
const watcher = () => ({ bytes: 0, files: 0, folders: [] as TarEntry[], skipped: () => {} })

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* cut(bytes: Buffer, random: () => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(random() * 100_000)
    yield bytes.subarray(at, end)
    at = end
  }
}

async function extract(archive: Buffer, target: string, random: () => number): Promise<void> {
  mkdirSync(target)
  const extraction = new Extraction(toBytes(target), watcher())
  const reader = createTarReader((entry, content) => extraction.add(entry, content))
  for await (const chunk of cut(archive, random)) await reader.write(chunk)
  await reader.finish()
  extraction.applyFolders(toBytes(target))
}

/** Any tree, with folders for three copies of it. */
async function withTree(
  seed: number,
  check: (root: string, work: string, random: () => number) => Promise<void>,
) {
  const work = mkdtempSync(join(folder, 'tree-'))
  const random = createRandom(seed)
  growTree(join(work, 'tree'), random)
  try {
    await check(join(work, 'tree'), work, random)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

const property = (check: Parameters<typeof withTree>[1]): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), (seed) => withTree(seed, check)),
    { numRuns: 40 },
  )

const tar = (args: string[], input?: Buffer): Buffer =>
  execFileSync('tar', args, { input, maxBuffer: 1 << 28 })

describe('any tree', () => {
  it('is packed as tar unpacks it', () =>
    property(async (root, work) => {
      mkdirSync(join(work, 'out'))
      const watch = watcher()
      tar(['-x', '-p', '-C', join(work, 'out')], await collect(packTree({ root: toBytes(root) }, watch)))
      tar(['-x', '-p', '-C', join(work, 'out')], await collect(packFolders(watch.folders)))
      expect(readTree(join(work, 'out'))).toEqual(readTree(root))
    }))

  it.each(['gnu', 'pax'])('is unpacked as tar packs it in the format %s', (format) =>
    property(async (root, work, random) => {
      // PAX has names in UTF-8 only, and tar says nothing of others: they are refused.
      const names = readTree(root).join('')
      const archive = tar(['-c', `--format=${format}`, '-C', root, '.'])
      const done = extract(archive, join(work, 'out'), random)
      if (format === 'pax' && Buffer.from(names, 'latin1').toString().includes('\uFFFD'))
        return done.catch(() => {})
      await done
      expect(readTree(join(work, 'out'))).toEqual(readTree(root))
    }),
  )

  it('is the same after tar packed it and it was repacked', () =>
    property(async (root, work, random) => {
      const watch = watcher()
      const archive = tar(['-c', '--format=gnu', '-C', root, '.'])
      const again = await collect(repack(cut(archive, random), watch))
      await extract(
        Buffer.concat([again.subarray(0, -1024), await collect(packFolders(watch.folders))]),
        join(work, 'out'),
        random,
      )
      expect(readTree(join(work, 'out'))).toEqual(readTree(root))
    }))
})

describe('repacking', () => {
  const repackAll = (archive: Buffer) => collect(repack(cut(archive, Math.random), watcher()))

  it('turns what busybox does not read into what it does', async () => {
    const name = `${'p'.repeat(120)}/${'ä'.repeat(60)}`
    const again = await repackAll(
      rawTar(paxHeader({ path: name, mtime: '1000000000.5' }), { name: 'short', content: 'x' }),
    )
    expect(tar(['-t', '--quoting-style=literal'], again).toString()).toBe(`${name}\n`)
    expect(again.includes('PaxHeader')).toBe(false)
  })

  it('makes absolute names relative, as tar does', async () => {
    const again = await repackAll(rawTar({ name: '/etc/x', content: 'x' }))
    expect(tar(['-t'], again).toString()).toBe('etc/x\n')
  })

  it.each([
    ['names that go up', rawTar({ name: '../x', content: 'x' }), /\.\./],
    ['devices', rawTar({ name: 'null', flag: '3' }), /device/],
    ['nothing', Buffer.alloc(0), /no archive/],
    ['half an archive', rawTar({ name: 'x', content: 'x'.repeat(5000) }).subarray(0, 3000), /cannot be read/],
  ])('refuses %s', async (_what, archive, message) => {
    await expect(repackAll(archive)).rejects.toThrow(message)
  })
})

describe('a header', () => {
  it.each([0, 8 ** 11 - 1, 8 ** 11, 10 * 2 ** 30, 2 ** 45])('tells a size of %d', async (sizeBytes) => {
    const header = encodeTarHeader({
      type: 'file',
      name: 'x',
      mode: 0o644,
      modified: 0,
      sizeBytes,
      target: '',
    })
    const told = Promise.withResolvers<number>()
    const reader = createTarReader(({ sizeBytes: size }) => {
      told.resolve(size)
      return Promise.resolve()
    })
    await reader.write(header)
    expect(await told.promise).toBe(sizeBytes)
  })
})

describe('packing', () => {
  it('notices a file that is written to meanwhile', async () => {
    const root = join(folder, 'changing')
    mkdirSync(root)
    writeFileSync(join(root, 'a'), Buffer.alloc(3 << 20))
    const pack = async (): Promise<void> => {
      for await (const _chunk of packTree({ root: toBytes(root) }, watcher()))
        writeFileSync(join(root, 'a'), 'shorter')
    }
    await expect(pack()).rejects.toThrow(/written to while/)
  })

  it('leaves out what is no file, folder or link, and says so', async () => {
    const root = join(folder, 'pipes')
    mkdirSync(root)
    execFileSync('mkfifo', [join(root, 'pipe')])
    const skipped: string[] = []
    const archive = await collect(
      packTree({ root: toBytes(root) }, { ...watcher(), skipped: (name) => void skipped.push(name) }),
    )
    expect([tar(['-t'], archive).toString(), skipped]).toEqual(['', ['pipe']])
  })
})
