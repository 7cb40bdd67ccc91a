import { GpulabError } from '@gpulab/contract'
import { createFakeClock } from '@gpulab/testing'
import { describe, expect, it } from 'vitest'
import { createFailureMask } from './failure-mask.ts'
import { createSpentChallenges } from './spent-challenges.ts'

const start = new Date('2026-01-01T00:00:00Z')

describe('failures of one address', () => {
  const failure = new GpulabError('host_proof_invalid')
  const fail = (mask: ReturnType<typeof createFailureMask>, address: string, times = 1) =>
    Array.from({ length: times }, () => mask.toAnswer(address, failure).code).at(-1)

  it('are told up to a number, and again after a minute', () => {
    const clock = createFakeClock(start)
    const mask = createFailureMask(clock)
    expect(fail(mask, '192.0.2.1', 20)).toBe('host_proof_invalid')
    expect(fail(mask, '192.0.2.1')).toBe('rate_limited')
    expect(fail(mask, '192.0.2.2')).toBe('host_proof_invalid')
    clock.advance(60_000)
    expect(fail(mask, '192.0.2.1')).toBe('host_proof_invalid')
  })

  it('count for the whole of an IPv6 network, and for one mapped IPv4 address', () => {
    const mask = createFailureMask(createFakeClock(start))
    fail(mask, '2001:db8:1:2::1', 20)
    expect(fail(mask, '2001:db8:1:2::2')).toBe('rate_limited')
    expect(fail(mask, '2001:db8:1:3::1')).toBe('host_proof_invalid')
    fail(mask, '::ffff:192.0.2.1', 20)
    expect(fail(mask, '::ffff:192.0.2.2')).toBe('host_proof_invalid')
  })

  it('of ever new addresses fill no memory', () => {
    const mask = createFailureMask(createFakeClock(start))
    fail(mask, 'first', 20)
    for (let n = 0; n < 10_000; n++) fail(mask, `10.0.${n >> 8}.${n & 255}`)
    expect(fail(mask, 'first')).toBe('host_proof_invalid')
    fail(mask, 'kept', 20)
    for (let n = 0; n < 9_999; n++) fail(mask, `10.1.${n >> 8}.${n & 255}`)
    expect(fail(mask, 'kept')).toBe('rate_limited')
  })
})

describe('an answered challenge', () => {
  it('cannot be spent again for as long as it would be taken', () => {
    const clock = createFakeClock(start)
    const spent = createSpentChallenges(clock)
    expect(spent.spend('one')).toBe(true)
    expect(spent.spend('one')).toBe(false)
    clock.advance(119_999)
    expect(spent.spend('other')).toBe(true)
    expect(spent.spend('one')).toBe(false)
    clock.advance(2)
    expect(spent.spend('one')).toBe(true)
  })
})
