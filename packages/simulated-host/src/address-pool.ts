import { createHash } from 'node:crypto'

/** An IPv4 range as numbers, both ends included. */
export interface AddressRange {
  first: number
  last: number
}

/** How an engine uses its pool: the default bridge in the first /24, networks of /24 in the upper half. */
export interface PoolLayout {
  pool: string
  bridgeAddress: string
  networks: string
  networkPrefix: number
}

/** Parses `10.1.2.3/16`, `10.1.2.3` and `default`; undefined for what is no IPv4 range. */
export function toRange(cidr: string): AddressRange | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(cidr)
  if (!match) return undefined
  const [a = 0, b = 0, c = 0, d = 0, prefix = 32] = match
    .slice(1)
    .map((part) => (part === undefined ? 32 : Number(part)))
  if ([a, b, c, d].some((byte) => byte > 255) || prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const address = ((a * 256 + b) * 256 + c) * 256 + d
  const first = Math.floor(address / size) * size
  return { first, last: first + size - 1 }
}

/** Whether two ranges share an address. */
export function overlap(a: AddressRange, b: AddressRange): boolean {
  return a.first <= b.last && b.first <= a.last
}

/**
 * Picks a /16 of 10.64.0.0/10 … 10.255.0.0/16 that touches nothing in `used`. `seed` decides where the
 * search begins, so that engines started at the same moment rarely ask for the same one.
 */
export function chooseAddressPool(used: readonly AddressRange[], seed: string): string {
  const start = createHash('sha256').update(seed).digest().readUInt16BE(0)
  for (let step = 0; step < 192; step++) {
    const pool = `10.${64 + ((start + step) % 192)}.0.0/16`
    const range = toRange(pool)
    if (range && !used.some((other) => overlap(range, other))) return pool
  }
  throw new Error('No free address range is left in 10.64.0.0 to 10.255.0.0; name one with addressPool.')
}

/** Divides a pool. Throws unless it is a range of /16 to /22 written by its first address. */
export function layOutPool(pool: string): PoolLayout {
  const range = toRange(pool)
  const prefix = Number(pool.split('/')[1])
  if (!range || !(prefix >= 16 && prefix <= 22) || pool !== `${toAddress(range.first)}/${prefix}`) {
    throw new Error(
      `The address pool "${pool}" is not usable; give an IPv4 range of /16 to /22 such as 10.90.0.0/16.`,
    )
  }
  const half = (range.last - range.first + 1) / 2
  return {
    pool,
    bridgeAddress: `${toAddress(range.first + 1)}/24`,
    networks: `${toAddress(range.first + half)}/${prefix + 1}`,
    networkPrefix: 24,
  }
}

function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}
