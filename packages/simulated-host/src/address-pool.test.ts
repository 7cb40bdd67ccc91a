import { describe, expect, test } from 'vitest'
import { chooseAddressPool, layOutPool, overlap, toRange, type AddressRange } from './address-pool.ts'

const range = (cidr: string): AddressRange => toRange(cidr) ?? { first: 0, last: -1 }

describe('toRange', () => {
  test.each([
    ['10.0.0.0/8', 0x0a000000, 0x0affffff],
    ['10.1.2.3/24', 0x0a010200, 0x0a0102ff],
    ['192.168.0.1', 0xc0a80001, 0xc0a80001],
    ['0.0.0.0/0', 0, 0xffffffff],
  ])('reads %s', (cidr, first, last) => {
    expect(toRange(cidr)).toEqual({ first, last })
  })

  test.each(['default', 'fe80::1/64', '10.0.0.256', '10.0.0.0/33', ''])('has nothing for %j', (cidr) => {
    expect(toRange(cidr)).toBeUndefined()
  })
})

describe('chooseAddressPool', () => {
  test('gives the same pool for the same seed', () => {
    expect(chooseAddressPool([], '/a')).toBe(chooseAddressPool([], '/a'))
  })

  test('avoids what is used', () => {
    const first = chooseAddressPool([], '/a')
    const second = chooseAddressPool([range(first)], '/a')
    expect(overlap(range(first), range(second))).toBe(false)
  })

  test('finds the last free range', () => {
    const used = Array.from({ length: 192 }, (_, index) => range(`10.${64 + index}.0.0/16`)).toSpliced(17, 1)
    expect(chooseAddressPool(used, '/a')).toBe('10.81.0.0/16')
  })

  test('says what to do when nothing is free', () => {
    expect(() => chooseAddressPool([range('10.0.0.0/8')], '/a')).toThrow('addressPool')
  })
})

describe('layOutPool', () => {
  test('keeps the bridge apart from the networks', () => {
    expect(layOutPool('10.90.0.0/16')).toEqual({
      pool: '10.90.0.0/16',
      bridgeAddress: '10.90.0.1/24',
      networks: '10.90.128.0/17',
      networkPrefix: 24,
    })
    expect(layOutPool('10.90.4.0/22').networks).toBe('10.90.6.0/23')
  })

  test.each(['10.90.0.0', '10.90.0.0/24', '10.0.0.0/8', '10.90.0.1/16', 'nonsense'])('refuses %s', (pool) => {
    expect(() => layOutPool(pool)).toThrow('not usable')
  })
})
