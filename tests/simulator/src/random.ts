/** Chance from a seed: the same seed gives the same numbers for ever. */
export interface Random {
  /** From 0 up to 1. */
  next(): number
  /** An integer from `min` up to and with `max`. */
  int(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** One of the keys, by their weights. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T
  uuid(): string
}

/** sfc32 (Chris Doty-Humphrey, PractRand), seeded by a name, so that each purpose has a stream of its own. */
export function createRandom(seed: number, purpose: string): Random {
  let [a, b, c, d] = [hash(`${seed}:${purpose}:a`), hash(`${purpose}:b:${seed}`), seed | 0, 1]
  const next32 = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let round = 0; round < 12; round++) next32()
  const next = (): number => next32() / 2 ** 32
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    int,
    chance: (probability) => next() < probability,
    pick: <T>(from: readonly T[]) => from[int(0, from.length - 1)] as T,
    weighted: <T extends string>(weights: Readonly<Record<T, number>>) => {
      const entries = Object.entries<number>(weights) as [T, number][]
      let rest = next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [key, weight] of entries) {
        rest -= weight
        if (rest < 0) return key
      }
      return (entries.at(-1) as [T, number])[0]
    },
    uuid: () => {
      const hex = Array.from({ length: 4 }, () => next32().toString(16).padStart(8, '0')).join('')
      const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3]
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
    },
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  }
  return value | 0
}
