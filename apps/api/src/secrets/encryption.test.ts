import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decrypt, encrypt } from './encryption.ts'

const key = randomBytes(32)

describe('encryption', () => {
  it('gives the text back', () => {
    expect(decrypt(key, encrypt(key, 'sécret', 'a'), 'a')).toBe('sécret')
    expect(encrypt(key, 'x', 'a')).not.toEqual(encrypt(key, 'x', 'a'))
  })

  it('refuses another key, another context, and a changed bit', () => {
    const sealed = encrypt(key, 'secret', 'a')
    expect(() => decrypt(randomBytes(32), sealed, 'a')).toThrow()
    expect(() => decrypt(key, sealed, 'b')).toThrow()
    sealed[14] = (sealed[14] ?? 0) ^ 1
    expect(() => decrypt(key, sealed, 'a')).toThrow()
  })
})
