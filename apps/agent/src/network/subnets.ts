/** IPv4 ranges as numbers: first address and how many. */
interface Range {
  readonly first: number
  readonly size: number
}

/** Room for 61 containers of one team on one host. */
const teamPrefix = 26

/** Undefined for what is no IPv4 range. */
export function parseRange(cidr: string): Range | undefined {
  const [, a, b, c, d, bits] = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr) ?? []
  const octets = [a, b, c, d].map(Number)
  const prefix = Number(bits)
  if (octets.some((octet) => !(octet <= 255)) || !(prefix <= 32)) return undefined
  const size = 2 ** (32 - prefix)
  const address = octets.reduce((sum, octet) => sum * 256 + octet, 0)
  return { first: address - (address % size), size }
}

/** The pool's subnets that overlap none of the taken ones, in order. */
export function* freeSubnets(pool: string, taken: readonly string[]): Generator<string> {
  const range = parseRange(pool)
  if (!range) return
  const used = taken.map(parseRange).filter((other) => other !== undefined)
  const size = Math.min(2 ** (32 - teamPrefix), range.size)
  for (let first = range.first; first < range.first + range.size; first += size) {
    if (used.some((other) => first < other.first + other.size && other.first < first + size)) continue
    yield `${toAddress(first)}/${32 - Math.log2(size)}`
  }
}

const toAddress = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
