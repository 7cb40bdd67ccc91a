import { createHmac, randomInt, timingSafeEqual } from 'node:crypto'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idCharacters = 8
/** 32 of 62 characters are 190 bits. */
const secretCharacters = 32
const shape = new RegExp(`^([a-z]+)_([0-9A-Za-z]{${idCharacters}})_[0-9A-Za-z]{27,64}$`)

const randomText = (length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')

/** What a key is for, as its first word says: so that a leaked one is recognised, and none is taken for another. */
export type KeyKind = 'gpulab' | 'gpulabjoin'

/** A new key; only its hash is stored. */
export function createKey(kind: KeyKind = 'gpulab'): { id: string; key: string } {
  const id = randomText(idCharacters)
  return { id, key: `${kind}_${id}_${randomText(secretCharacters)}` }
}

/** The public part of a key, or undefined if it has not the shape of one. */
export function findKeyId(key: string, kind: KeyKind = 'gpulab'): string | undefined {
  const [, prefix, id] = shape.exec(key) ?? []
  return prefix === kind ? id : undefined
}

export const hashKey = (pepper: string, key: string): Buffer =>
  createHmac('sha256', pepper).update(key).digest()

/** Whether two digests are equal, in constant time. */
export const isSameHash = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right)
