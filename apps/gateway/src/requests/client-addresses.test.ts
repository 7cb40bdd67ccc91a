import { describe, expect, it } from 'vitest'
import { parseTrustedProxies, toClient } from './client-addresses.ts'

const proxies = parseTrustedProxies('10.0.0.0/8, 192.168.1.7,fd00::/8')

describe('the address of a client', () => {
  it.each([
    ['a stranger', '1.2.3.4', '6.6.6.6', ['1.2.3.4'], 'http'],
    ['a proxy', '10.1.1.1', '1.2.3.4', ['1.2.3.4', '10.1.1.1'], 'https'],
    ['a proxy, mapped', '::ffff:10.1.1.1', '1.2.3.4', ['1.2.3.4', '10.1.1.1'], 'https'],
    [
      'a proxy, before which something was forged',
      '10.1.1.1',
      '6.6.6.6, 1.2.3.4',
      ['1.2.3.4', '10.1.1.1'],
      'https',
    ],
    [
      'two proxies',
      '10.1.1.1',
      '6.6.6.6, 1.2.3.4, 192.168.1.7',
      ['1.2.3.4', '192.168.1.7', '10.1.1.1'],
      'https',
    ],
    ['a proxy that says nothing sensible', 'fd00::1', 'x, ', ['fd00::1'], 'https'],
    ['a proxy by its own address', '192.168.1.8', '1.2.3.4', ['192.168.1.8'], 'http'],
  ])('of %s', (_name, address, said, addresses, proto) => {
    const headers = { 'x-forwarded-for': said, 'x-forwarded-proto': 'https' }
    expect(toClient({ address, isTls: false }, headers, proxies)).toEqual({ addresses, proto })
  })

  it.each(['proxy.example', '10.0.0.0/99', '10.0.0'])('is not taken from %s', (list) => {
    expect(() => parseTrustedProxies(list)).toThrow()
  })
})
