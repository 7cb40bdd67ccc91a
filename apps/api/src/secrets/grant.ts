import { z } from 'zod'
import { type Purpose, seal, unseal } from './seal.ts'

/** What a token lets its holder do, as somebody's key allowed it. */
const Grant = z.object({
  containerUuid: z.uuid(),
  keyId: z.string(),
  expiresAt: z.coerce.date(),
  port: z.int().optional(),
  sessionId: z.uuid().optional(),
  nonce: z.string().optional(),
})
export type Grant = z.infer<typeof Grant>

export const sealGrant = (pepper: string, purpose: Purpose, grant: Grant): string =>
  `gpulabgrant_${seal(pepper, purpose, Buffer.from(JSON.stringify(grant)))}`

/** What a token grants, or undefined for one that is none of ours, is for something else, or has expired. */
export function unsealGrant(pepper: string, purpose: Purpose, token: string, now: Date): Grant | undefined {
  const [, sealed] = /^gpulabgrant_(.+)$/.exec(token) ?? []
  const payload = sealed === undefined ? undefined : unseal(pepper, purpose, sealed)
  const grant = payload && Grant.parse(JSON.parse(payload.toString()))
  return grant && grant.expiresAt > now ? grant : undefined
}
