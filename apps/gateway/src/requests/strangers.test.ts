import { GpulabError } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { createStrangers, toNetwork } from './strangers.ts'

const unknown = () => Promise.reject(new GpulabError('container_not_found'))

async function countAsked(times: number, ask: () => Promise<unknown>): Promise<number> {
  const codes = await Promise.all(
    Array.from({ length: times }, () => ask().catch((error: GpulabError) => error.code)),
  )
  return codes.filter((code) => code !== 'rate_limited').length
}

describe('an address that asks for what is not there', () => {
  it('is refused after a while, says when to come again, and leaves others alone', async () => {
    let now = 0
    const strangers = createStrangers(() => now)
    const ask = () => strangers('192.0.2.1')(unknown)
    expect(await countAsked(500, ask)).toBe(100)
    await expect(ask()).rejects.toMatchObject({ code: 'rate_limited', details: { retry_after: 1 } })
    expect(await countAsked(10, () => strangers('192.0.2.2')(unknown))).toBe(10)
    now = 5000
    expect(await countAsked(500, ask)).toBe(10)
  })

  it('is the same one in all of its IPv6 network', async () => {
    const strangers = createStrangers(() => 0)
    let last = 0
    expect(await countAsked(500, () => strangers(`2001:db8::${(last++).toString(16)}`)(unknown))).toBe(100)
  })
})

it('what is there costs nothing, and neither does an API that is away', async () => {
  const toll = createStrangers(() => 0)('192.0.2.1')
  for (let n = 0; n < 300; n++) await toll(() => Promise.resolve('here'))
  for (let n = 0; n < 300; n++)
    await expect(toll(() => Promise.reject(new GpulabError('api_unreachable')))).rejects.toMatchObject({
      code: 'api_unreachable',
    })
  expect(await countAsked(500, () => toll(unknown))).toBe(100)
})

it('who is not known has no limit', async () => {
  const strangers = createStrangers(() => 0)
  expect(await countAsked(500, () => strangers('')(unknown))).toBe(500)
})

it('very many addresses take no memory for ever', async () => {
  const strangers = createStrangers(() => 0)
  const first = () => strangers('10.0.0.0')(unknown)
  expect(await countAsked(200, first)).toBe(100)
  for (let n = 1; n <= 50_000; n++)
    await strangers(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)(unknown).catch(() => {})
  expect(await countAsked(200, first)).toBe(100)
})

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1::5', '2001:db8:0:1'],
  ['2001:0DB8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4'],
])('%s is of %s', (address, network) => expect(toNetwork(address)).toBe(network))
