import { control, createClient, toProofText } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport'
import { ensureJoiningKeys, type Identity, writeIdentity } from './identity-file.ts'

export interface JoinOptions {
  readonly apiUrl: string
  readonly insecure: boolean
  readonly stateDir: string
  /** Used where the token names no host. */
  readonly hostName: string
  readonly token: string
}

const answerMs = 30_000

/** Makes this machine a host and keeps who it is. Repeated after a failure, it is the same join. */
export async function joinControlPlane(options: JoinOptions, signal: AbortSignal): Promise<Identity> {
  const { apiUrl, insecure, stateDir, hostName, token } = options
  const { join } = createClient(control, createHttpTransport({ url: apiUrl, insecure }))
  const keys = await ensureJoiningKeys(stateDir)
  const call = { signal, timeoutMs: answerMs }
  const { challenge } = await join.challenge({}, call)
  const signature = keys.sign(toProofText('join', challenge, keys.publicKey))
  const body = { token, name: hostName, public_key: keys.publicKey, challenge, signature }
  const joined = await join.join({ body }, call)
  const identity = { apiUrl, hostUuid: joined.host_uuid, hostName: joined.name, keys }
  await writeIdentity(stateDir, identity)
  return identity
}
