import { GpulabError } from '@gpulab/contract'
import { createHash } from 'node:crypto'

export interface PublicKey {
  readonly type: string
  /** Base64, as OpenSSH writes it. */
  readonly key: string
  readonly comment: string
  readonly fingerprint: string
}

const curves: Readonly<Record<string, number>> = {
  'ecdsa-sha2-nistp256': 65,
  'ecdsa-sha2-nistp384': 97,
  'ecdsa-sha2-nistp521': 133,
}
const rsaMinBits = 2048
const rsaMaxBits = 16_384

const refuse = (message: string, hint: string): GpulabError =>
  new GpulabError('ssh_key_invalid', { message, hint })

const notAKey = (): GpulabError =>
  refuse(
    'That is not an SSH public key.',
    'Give the one line of a .pub file, like ssh-ed25519 AAAA… you@laptop.',
  )

/** Reads a line of a `.pub` file (RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4), and throws for what cannot be used. */
export function parsePublicKey(text: string): PublicKey {
  if (/PRIVATE KEY/.test(text)) {
    throw refuse(
      'That is a private key. It belongs to you alone, and was not stored.',
      'Give the public one: the .pub file beside it. A private key that was pasted elsewhere should be replaced.',
    )
  }
  const line = text.trim()
  const [type = '', key = '', ...rest] = line.split(/[ \t]+/)
  if (/[\r\n]/.test(line) || !/^[\w@.-]+$/.test(type)) throw notAKey()
  if (type.startsWith('sk-')) {
    throw refuse(
      'Keys of hardware tokens (sk-…) do not work here yet.',
      'Add an Ed25519 key: ssh-keygen -t ed25519.',
    )
  }
  if (type.includes('-cert-v0'))
    throw refuse('That is a certificate, not a key.', 'Give the key that it is of.')
  if (type === 'ssh-dss')
    throw refuse('DSA keys are not safe any more.', 'Make another: ssh-keygen -t ed25519.')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(key)) throw notAKey()
  const blob = Buffer.from(key, 'base64')
  if (blob.toString('base64') !== key) throw notAKey()
  checkParts(type, readStrings(blob))
  const digest = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')
  return { type, key, comment: rest.join(' ').slice(0, 255), fingerprint: `SHA256:${digest}` }
}

/** The wire format's strings: a length of four bytes, and so many bytes. */
function readStrings(blob: Buffer): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < blob.length;) {
    const end = at + 4 <= blob.length ? at + 4 + blob.readUInt32BE(at) : Number.POSITIVE_INFINITY
    if (end > blob.length) throw notAKey()
    parts.push(blob.subarray(at + 4, end))
    at = end
  }
  return parts
}

function checkParts(type: string, [name, ...parts]: Buffer[]): void {
  if (name?.toString('latin1') !== type) throw notAKey()
  const [first, second] = parts
  if (type === 'ssh-ed25519') {
    if (parts.length !== 1 || first?.length !== 32) throw notAKey()
    return
  }
  if (type === 'ssh-rsa') {
    if (parts.length !== 2 || !first || !second) throw notAKey()
    const bits = bitsOf(second)
    if (bits >= rsaMinBits && bits <= rsaMaxBits) return
    throw refuse(
      `The RSA key has ${bits} bits; ${rsaMinBits} to ${rsaMaxBits} are taken.`,
      'Make another: ssh-keygen -t ed25519.',
    )
  }
  const points = curves[type]
  if (points === undefined) {
    throw refuse(`Keys of type ${type} do not work here.`, 'Make another: ssh-keygen -t ed25519.')
  }
  const isPoint = second?.length === points && second[0] === 4
  if (parts.length !== 2 || first?.toString('latin1') !== type.slice('ecdsa-sha2-'.length) || !isPoint) {
    throw notAKey()
  }
}

/** Of a positive number; one zero byte in front keeps its sign. */
function bitsOf(number: Buffer): number {
  const start = number.findIndex((byte) => byte !== 0)
  if (start === -1) return 0
  return (number.length - start) * 8 - Math.clz32(number[start] ?? 0) + 24
}
