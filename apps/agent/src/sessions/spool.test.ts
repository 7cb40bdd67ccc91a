import type { OffsetOutput } from '@gpulab/guest'
import fc from 'fast-check'
import { appendFile, mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { follow } from './output-log.ts'
import { Spool } from './spool.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-spool-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const item = (kind: 'stdout' | 'stderr', text: string | Buffer): OffsetOutput => ({
  kind,
  offset: 0,
  bytes: Buffer.from(text as string),
})

async function readAll(spool: Spool, offset = 0) {
  await using reader = spool.read(offset)
  const items: OffsetOutput[] = []
  for (let next = await reader.next(); next; next = await reader.next()) items.push(next)
  return items
}
const textOf = (items: readonly OffsetOutput[]): string =>
  items
    .map((each) => (each.kind === 'gap' ? `<${each.lostBytes}>` : `${each.kind[3]}${each.bytes}`))
    .join(' ')

describe('a spool', () => {
  it('gives from any offset what was put in, also when it is opened again', async () => {
    const runs = fc.array(
      fc.record({
        kind: fc.constantFrom('stdout' as const, 'stderr' as const),
        text: fc.string({ minLength: 1 }),
      }),
      { minLength: 1, maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(runs, fc.nat(), fc.nat(20), async (added, place, cut) => {
        const own = await mkdtemp(join(folder, 'x'))
        let spool = await Spool.open(own)
        for (const [index, { kind, text }] of added.entries()) {
          if (index === cut) {
            await spool.finish()
            spool = await Spool.open(own)
          }
          await spool.add(item(kind, text))
        }
        const all = Buffer.concat(added.map(({ text }) => Buffer.from(text)))
        const offset = place % (all.length + 1)
        const items = await readAll(spool, offset)
        expect(items[0]?.offset ?? all.length).toBe(offset)
        const read = Buffer.concat(items.map((each) => (each.kind === 'gap' ? Buffer.alloc(0) : each.bytes)))
        expect(read.equals(all.subarray(offset))).toBe(true)
        await spool.finish()
      }),
      { numRuns: 30 },
    )
  })

  it('keeps the newest 16 MiB and says what is gone', async () => {
    const spool = await Spool.open(folder)
    const chunk = Buffer.alloc(64 << 10, 'x')
    for (let n = 0; n < 320; n++) await spool.add(item('stdout', chunk))
    expect(spool.end).toBe(320 * chunk.length)
    expect(spool.end - spool.first).toBeLessThanOrEqual(17 << 20)
    expect(spool.end - spool.first).toBeGreaterThan(14 << 20)
    const [gap, next] = await readAll(spool)
    expect(gap).toEqual({ kind: 'gap', offset: 0, lostBytes: spool.first })
    expect(next?.offset).toBe(spool.first)
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
    )
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(18 << 20)
    await spool.finish()
  })

  it('carries gaps of what it was given', async () => {
    const spool = await Spool.open(folder)
    await spool.add(item('stdout', 'ab'))
    await spool.add({ kind: 'gap', offset: 2, lostBytes: 5 })
    await spool.add(item('stderr', 'c'))
    expect(textOf(await readAll(spool))).toBe('oab <5> ec')
    expect(textOf(await readAll(spool, 4))).toBe('<3> ec')
    expect(spool.end).toBe(8)
    await spool.finish()
  })

  it('drops half a record that a killed agent has left', async () => {
    const spool = await Spool.open(folder)
    await spool.add(item('stdout', 'whole'))
    await spool.finish()
    const [name = ''] = await readdir(folder)
    await appendFile(join(folder, name), Buffer.of(1, 0, 0, 0, 9, 1, 2))
    const again = await Spool.open(folder)
    expect(again.end).toBe(5)
    await again.add(item('stdout', 'next'))
    expect(textOf(await readAll(again))).toBe('owhole onext')
    await again.finish()
  })

  it('shows what the disk did not take as a gap, and goes on', async () => {
    const spool = await Spool.open(folder)
    await rm(folder, { recursive: true })
    await spool.add(item('stdout', 'lost'))
    const { end } = spool
    expect(end).toBe(4)
    await Spool.open(folder)
    await spool.add(item('stdout', 'kept'))
    expect(textOf(await readAll(spool))).toBe('<4> okept')
    await spool.finish()
  })

  it('tells of what the disk did not take in the end', async () => {
    const spool = await Spool.open(folder)
    const reading = Array.fromAsync(follow(spool, 0, new AbortController().signal))
    await rm(folder, { recursive: true })
    await spool.add(item('stdout', 'lost'))
    await spool.finish()
    expect(textOf(await reading)).toBe('<4>')
    expect([spool.first, spool.end]).toEqual([0, 4])
  })

  it('keeps no part of a record where the disk took only that', async () => {
    const spool = await Spool.open(folder)
    await spool.add(item('stdout', 'whole'))
    await using file = await open(folder)
    const handle = Object.getPrototypeOf(file) as typeof file
    const { write } = handle as { write(...args: unknown[]): Promise<unknown> }
    // As one on which little is left: a part is written, and nothing is said.
    vi.spyOn(handle, 'write').mockImplementationOnce(function (this: typeof file, ...args: unknown[]) {
      const [record, at, , position] = args as [Buffer, number, number, number]
      return write.call(this, record, at, 3, position)
    } as never)
    await spool.add(item('stdout', 'lost'))
    await spool.add(item('stdout', 'kept'))
    expect(textOf(await readAll(spool))).toBe('owhole <4> okept')
    await spool.finish()
    expect(textOf(await readAll(await Spool.open(folder)))).toBe('owhole <4> okept')
  })

  it('is followed until it is finished', async () => {
    const spool = await Spool.open(folder)
    const reading = Array.fromAsync(follow(spool, 0, new AbortController().signal))
    await spool.add(item('stdout', 'a'))
    await spool.add(item('stdout', 'b'))
    await spool.finish()
    expect(textOf(await reading)).toBe('oa ob')
  })
})
