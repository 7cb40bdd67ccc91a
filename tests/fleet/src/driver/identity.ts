import { type Client, type control, toProofText } from '@gpulab/contract'
import { generateKeyPair, type KeyObject, sign } from 'node:crypto'
import { promisify } from 'node:util'

type Control = Client<typeof control>

export interface Identity {
  readonly hostUuid: string
  readonly privateKey: KeyObject
}

const prove = (key: KeyObject, ...parts: Parameters<typeof toProofText>): string =>
  sign(null, Buffer.from(toProofText(...parts)), key).toString('base64url')

/** Makes a key pair and joins with it. */
export async function joinAs(client: Control, name: string, token: string): Promise<Identity> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ed25519')
  const raw = publicKey.export({ format: 'jwk' }).x ?? ''
  const { challenge } = await client.join.challenge()
  const signature = prove(privateKey, 'join', challenge, raw)
  const body = { token, name, public_key: raw, challenge, signature }
  const { host_uuid: hostUuid } = await client.join.join({ body })
  return { hostUuid, privateKey }
}

/** Gives a session. */
export async function connectAs(client: Control, { hostUuid, privateKey }: Identity): Promise<string> {
  const { challenge } = await client.join.challenge()
  const signature = prove(privateKey, 'connect', challenge, hostUuid)
  const { session } = await client.join.connect({ body: { host_uuid: hostUuid, challenge, signature } })
  return session
}
