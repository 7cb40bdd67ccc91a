import type { RateClass } from '@gpulab/contract'

/** A bucket of tokens: what comes back each second, and what may come at once after a pause. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** What one key may ask for; all keys of a user together twice that. */
export const rates: Readonly<Record<RateClass, Rate>> = {
  exec: { perSecond: 100, burst: 2000 },
  deploy: { perSecond: 10, burst: 500 },
  rest: { perSecond: 500, burst: 10_000 },
}
export const userFactor = 2

/** Of keys that are none of ours, or not any more, by address. */
export const failedLoginRate: Rate = { perSecond: 1 / 3, burst: 30 }

export const scale = ({ perSecond, burst }: Rate, factor: number): Rate => ({
  perSecond: perSecond * factor,
  burst: Math.max(1, Math.round(burst * factor)),
})
