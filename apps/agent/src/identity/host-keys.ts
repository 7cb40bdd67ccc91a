import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A host's Ed25519 key pair. Keys are raw and base64url, as in a JWK. */
export interface HostKeys {
  readonly publicKey: string
  readonly privateKey: string
  /** Base64url signature of the text as UTF-8. */
  sign(text: string): string
}

export const createHostKeys = (): HostKeys => toHostKeys(generateKeyPairSync('ed25519').privateKey)

/** Throws if the two do not belong together. */
export function readHostKeys(privateKey: string, publicKey: string): HostKeys {
  const jwk = { kty: 'OKP', crv: 'Ed25519', d: privateKey, x: publicKey }
  const keys = toHostKeys(createPrivateKey({ key: jwk, format: 'jwk' }))
  if (keys.publicKey !== publicKey) throw new Error('The public key is not that of the private key')
  return keys
}

function toHostKeys(privateKey: KeyObject): HostKeys {
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const { d = '' } = privateKey.export({ format: 'jwk' })
  return {
    publicKey: x,
    privateKey: d,
    sign: (text) => sign(null, Buffer.from(text, 'utf8'), privateKey).toString('base64url'),
  }
}
