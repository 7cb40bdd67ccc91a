import { control, createClient, toProofText, type Transport } from '@gpulab/contract'
import { generateKeyPairSync, sign } from 'node:crypto'

/** What a joined machine keeps. */
export interface TestIdentity {
  readonly uuid: string
  readonly keys: TestKeys
}

export interface TestKeys {
  /** Raw, base64url. */
  readonly publicKey: string
  sign(text: string): string
}

export function createTestKeys(): TestKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: publicKey.export({ format: 'jwk' }).x ?? '',
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
  }
}

/** Joins as an agent does. */
export async function joinAs(
  transport: Transport,
  { name, token, keys = createTestKeys() }: { name: string; token: string; keys?: TestKeys },
): Promise<TestIdentity & { readonly name: string }> {
  const { join } = createClient(control, transport)
  const { challenge } = await join.challenge()
  const signature = keys.sign(toProofText('join', challenge, keys.publicKey))
  const body = { token, name, public_key: keys.publicKey, challenge, signature }
  const joined = await join.join({ body })
  return { uuid: joined.host_uuid, name: joined.name, keys }
}

/** Proves the key and gives a session. */
export async function connectAs(transport: Transport, { uuid, keys }: TestIdentity): Promise<string> {
  const { join } = createClient(control, transport)
  const { challenge } = await join.challenge()
  const signature = keys.sign(toProofText('connect', challenge, uuid))
  return (await join.connect({ body: { host_uuid: uuid, challenge, signature } })).session
}
