/**
 * Money is counted in whole numbers: charges in ten-thousandths of the currency times milliseconds, since prices have
 * four decimals and are for an hour. So no sum depends on how it was put together, and nothing is rounded but for show.
 */
export type Charge = bigint

const hourMs = 3_600_000n
const perUnit = 10_000n
const decimals = 6

/** "1.49" in ten-thousandths; at most four decimals. */
export function parseAmount(text: string): bigint {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,10})(?:\.(\d{1,4}))?$/.exec(text) ?? []
  if (sign === undefined) throw new RangeError(`${text} is not an amount`)
  const value = BigInt(whole) * perUnit + BigInt(fraction.padEnd(4, '0'))
  return sign === '-' ? -value : value
}

/** What so many cards cost in that time. */
export const chargeOf = (durationMs: number, gpuCount: number, pricePerHour: string): Charge =>
  BigInt(durationMs) * BigInt(gpuCount) * parseAmount(pricePerHour)

/** An amount that was given, in the unit of charges. */
export const toCharge = (amount: bigint): Charge => amount * hourMs

/** With two to six decimals, rounded half away from zero. */
export function formatCharge(charge: Charge): string {
  const scale = 10n ** BigInt(decimals)
  const divisor = hourMs * perUnit
  const size = charge < 0n ? -charge : charge
  const rounded = (size * scale * 2n + divisor) / (divisor * 2n)
  const digits = (rounded % scale)
    .toString()
    .padStart(decimals, '0')
    .replace(/0{1,4}$/, '')
  return `${charge < 0n && rounded > 0n ? '-' : ''}${rounded / scale}.${digits}`
}
