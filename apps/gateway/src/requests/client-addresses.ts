import { BlockList, isIP } from 'node:net'

/** Whose word on addresses is believed. */
export interface TrustedProxies {
  has(address: string): boolean
}

/** From `10.0.0.0/8,192.168.1.7`. Throws a RangeError for what is neither. */
export function parseTrustedProxies(list: string): TrustedProxies {
  const proxies = new BlockList()
  for (const part of list.split(',').map((text) => text.trim())) {
    if (part === '') continue
    const [address = '', bits] = part.split('/')
    const family = isIP(address)
    if (family === 0) throw new RangeError(`"${part}" is not an address`)
    const kind = family === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) proxies.addAddress(address, kind)
    else proxies.addSubnet(address, Number(bits), kind)
  }
  return { has: (address) => proxies.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') }
}

const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

interface Peer {
  readonly address: string
  readonly isTls: boolean
}

/** Who the client is: the peer, or, where that is a proxy of ours, who it says. */
export function toClient(
  { address, isTls }: Peer,
  headers: { readonly 'x-forwarded-for'?: string; readonly 'x-forwarded-proto'?: string },
  proxies: TrustedProxies,
): { addresses: string[]; proto: 'http' | 'https' } {
  const peer = plain(address)
  const isTrusted = isIP(peer) !== 0 && proxies.has(peer)
  const proto = isTls || (isTrusted && headers['x-forwarded-proto'] === 'https') ? 'https' : 'http'
  if (!isTrusted) return { addresses: [peer], proto }
  const said = (headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((text) => plain(text.trim()))
    .filter((text) => isIP(text) !== 0)
  // Each proxy adds who it heard from: what stands before the first that is none of ours may be forged.
  const first = said.findLastIndex((text) => !proxies.has(text))
  return { addresses: [...said.slice(Math.max(first, 0)), peer], proto }
}
