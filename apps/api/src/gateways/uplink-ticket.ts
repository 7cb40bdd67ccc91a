import { seal, unseal } from '../secrets/seal.ts'

/** An agent shows it when it dials a gateway, and to nobody else: it opens nothing at the API. */
const prefix = 'gpulabuplink_'
const ticketSeconds = 120
const uuidBytes = 16
const keyBytes = 32
const integerBytes = 8

export interface UplinkTicket {
  readonly hostUuid: string
  /** SHA-256 of the host's public key. */
  readonly fingerprint: Buffer
  readonly expiresAt: Date
}

export function createUplinkTicket(
  pepper: string,
  { hostUuid, fingerprint }: Pick<UplinkTicket, 'hostUuid' | 'fingerprint'>,
  now: Date,
): { ticket: string; expiresAt: Date } {
  const expiresAt = new Date(now.getTime() + ticketSeconds * 1000)
  const time = Buffer.alloc(integerBytes)
  time.writeBigUInt64BE(BigInt(expiresAt.getTime()))
  const payload = Buffer.concat([Buffer.from(hostUuid.replaceAll('-', ''), 'hex'), fingerprint, time])
  return { ticket: prefix + seal(pepper, 'uplink-ticket', payload), expiresAt }
}

/** What a ticket says, or undefined for one that is none of ours or whose time is over. */
export function readUplinkTicket(pepper: string, ticket: string, now: Date): UplinkTicket | undefined {
  if (!ticket.startsWith(prefix)) return undefined
  const payload = unseal(pepper, 'uplink-ticket', ticket.slice(prefix.length))
  if (payload?.length !== uuidBytes + keyBytes + integerBytes) return undefined
  const expiresAt = new Date(Number(payload.readBigUInt64BE(uuidBytes + keyBytes)))
  if (expiresAt <= now) return undefined
  return {
    hostUuid: payload
      .toString('hex', 0, uuidBytes)
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    fingerprint: payload.subarray(uuidBytes, uuidBytes + keyBytes),
    expiresAt,
  }
}
