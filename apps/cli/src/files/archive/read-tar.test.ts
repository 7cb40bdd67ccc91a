import { describe, expect, it } from 'vitest'
import { rawTar } from '../../../test/raw-tar.ts'
import { createTarReader } from './read-tar.ts'

describe('a visit that fails', () => {
  it.each(['before it reads', 'while it reads'])('%s is what the reader fails with', async (when) => {
    const reader = createTarReader(async (_entry, content) => {
      if (when === 'before it reads') throw new Error('mine')
      for await (const _bytes of content) throw new Error('mine')
    })
    const writing = reader.write(rawTar({ name: 'a', content: Buffer.alloc(1 << 20) }))
    const reading = writing.then(() => reader.finish())
    await expect(reading).rejects.toThrow('mine')
    await expect(reader.finish()).rejects.toThrow('mine')
  })
})

describe('what a visit leaves', () => {
  it('is skipped', async () => {
    const names: string[] = []
    const reader = createTarReader((entry) => {
      names.push(entry.name)
      return Promise.resolve()
    })
    await reader.write(rawTar({ name: 'a', content: Buffer.alloc(1 << 20) }, { name: 'b', content: 'b' }))
    await reader.finish()
    expect(names).toEqual(['a', 'b'])
  })
})
