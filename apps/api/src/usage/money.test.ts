import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chargeOf, formatCharge, parseAmount, toCharge } from './money.ts'

const hourMs = 3_600_000

describe('a charge', () => {
  it.each([
    [hourMs, 1, '1.49', '1.49'],
    [hourMs / 2, 2, '4.99', '4.99'],
    [1000, 1, '1.4900', '0.000414'],
    [1, 1, '0.0001', '0.00'],
    [0, 8, '9.99', '0.00'],
    [hourMs * 24 * 366, 64, '99999999.9999', '56217599999943.7824'],
  ])('of %d ms with %d cards at %s is %s', (durationMs, count, price, shown) => {
    expect(formatCharge(chargeOf(durationMs, count, price))).toBe(shown)
  })

  it('is the sum of its parts, however the time is cut', () => {
    const cuts = fc.array(fc.nat(hourMs), { maxLength: 20 })
    fc.assert(
      fc.property(cuts, fc.nat(8), fc.nat(999_999), (moments, count, price) => {
        const text = `${Math.floor(price / 10_000)}.${String(price % 10_000).padStart(4, '0')}`
        const points = [0, ...moments.toSorted((left, right) => left - right), hourMs]
        const parts = points.slice(1).map((end, index) => chargeOf(end - (points[index] ?? 0), count, text))
        expect(parts.reduce((sum, part) => sum + part, 0n)).toBe(chargeOf(hourMs, count, text))
      }),
    )
  })
})

describe('an amount', () => {
  it.each([
    ['0', '0.00'],
    ['10', '10.00'],
    ['-2.5', '-2.50'],
    ['0.0001', '0.0001'],
    ['-0.0001', '-0.0001'],
  ])('%s is shown as %s', (text, shown) => expect(formatCharge(toCharge(parseAmount(text)))).toBe(shown))

  it.each(['', '1.', '1.00001', '1e3', '+1', ' 1', '--1', '12345678901'])('is not "%s"', (text) =>
    expect(() => parseAmount(text)).toThrow(RangeError),
  )
})
