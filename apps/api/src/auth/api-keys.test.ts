import { describe, expect, it } from 'vitest'
import { createKey, findKeyId, hashKey, isSameHash } from './api-keys.ts'

describe('API keys', () => {
  it('carry their id and hash the same each time', () => {
    const { id, key } = createKey()
    expect(key).toMatch(/^gpulab_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}$/)
    expect(findKeyId(key)).toBe(id)
    expect(isSameHash(hashKey('pepper', key), hashKey('pepper', key))).toBe(true)
    expect(isSameHash(hashKey('pepper', key), hashKey('other', key))).toBe(false)
    expect(isSameHash(hashKey('pepper', key), hashKey('pepper', createKey().key))).toBe(false)
  })

  it('of one kind are none of the other', () => {
    const { id, key } = createKey('gpulabjoin')
    expect(key).toMatch(/^gpulabjoin_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}$/)
    expect(findKeyId(key, 'gpulabjoin')).toBe(id)
    expect(findKeyId(key)).toBeUndefined()
    expect(findKeyId(createKey().key, 'gpulabjoin')).toBeUndefined()
  })

  it.each([
    '',
    'gpulab_',
    'gpulab_short_x',
    `other_abcdefgh_${'x'.repeat(32)}`,
    `gpulab_abcdefgh_${'x'.repeat(500)}`,
  ])('of another shape are none: %j', (text) => expect(findKeyId(text)).toBeUndefined())
})
