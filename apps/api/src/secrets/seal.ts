import { createHmac, timingSafeEqual } from 'node:crypto'

const macBytes = 32

/** What a token is sealed for: one can never be taken for another. */
export type Purpose =
  | 'host-challenge'
  | 'host-session'
  | 'uplink-ticket'
  | 'port-link'
  | 'terminal-pass'
  | 'terminal-ticket'

const toMac = (pepper: string, purpose: Purpose, payload: Uint8Array): Buffer =>
  createHmac('sha256', pepper).update(`gpulab-${purpose}\n`).update(payload).digest()

/** A token that any replica can check without having kept it. Its payload can be read by whoever has it. */
export const seal = (pepper: string, purpose: Purpose, payload: Uint8Array): string =>
  Buffer.concat([payload, toMac(pepper, purpose, payload)]).toString('base64url')

/** The payload of what `seal` gave, or undefined for whatever else. */
export function unseal(pepper: string, purpose: Purpose, text: string): Buffer | undefined {
  const sealed = Buffer.from(text, 'base64url')
  // The decoder passes over what it does not know, so that one token could be written in many ways.
  if (sealed.length < macBytes || sealed.toString('base64url') !== text) return undefined
  const payload = sealed.subarray(0, -macBytes)
  return timingSafeEqual(sealed.subarray(-macBytes), toMac(pepper, purpose, payload)) ? payload : undefined
}
