import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '../config.ts'
import { createHostKeys, type HostKeys, readHostKeys } from './host-keys.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

/** Who this machine is to its control plane. */
export interface Identity {
  readonly apiUrl: string
  readonly hostUuid: string
  readonly hostName: string
  readonly keys: HostKeys
}

const KeyPair = z.object({ private_key: z.string(), public_key: z.string() })
const Stored = KeyPair.extend({
  version: z.literal(1),
  api_url: z.string(),
  host_uuid: z.uuid(),
  host_name: z.string(),
})

const identityFile = (stateDir: string): string => join(stateDir, 'identity.json')
/** Of a join whose answer has not come yet: a repetition with the same key is the same join. */
const joiningFile = (stateDir: string): string => join(stateDir, 'joining.json')

/** Undefined if this machine has not joined yet. */
export async function readIdentity(stateDir: string): Promise<Identity | undefined> {
  const path = identityFile(stateDir)
  const text = await readPrivateFile(path)
  if (text === undefined) return undefined
  return parsed(path, () => {
    const stored = Stored.parse(JSON.parse(text))
    return {
      apiUrl: stored.api_url,
      hostUuid: stored.host_uuid,
      hostName: stored.host_name,
      keys: readHostKeys(stored.private_key, stored.public_key),
    }
  })
}

/** Keeps what a join has given, in the place of what there was. */
export async function writeIdentity(stateDir: string, identity: Identity): Promise<void> {
  const stored: z.infer<typeof Stored> = {
    version: 1,
    api_url: identity.apiUrl,
    host_uuid: identity.hostUuid,
    host_name: identity.hostName,
    ...toStored(identity.keys),
  }
  await writePrivateFile(identityFile(stateDir), toText(stored))
  await rm(joiningFile(stateDir), { force: true })
}

/** The keys to join with, which are kept before anybody hears of them. */
export async function ensureJoiningKeys(stateDir: string): Promise<HostKeys> {
  const path = joiningFile(stateDir)
  const text = await readPrivateFile(path)
  if (text !== undefined) {
    return parsed(path, () => {
      const { private_key: privateKey, public_key: publicKey } = KeyPair.parse(JSON.parse(text))
      return readHostKeys(privateKey, publicKey)
    })
  }
  const keys = createHostKeys()
  await writePrivateFile(path, toText(toStored(keys)))
  return keys
}

const toStored = (keys: HostKeys): z.infer<typeof KeyPair> => ({
  private_key: keys.privateKey,
  public_key: keys.publicKey,
})

const toText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** No part of the content gets into the message. */
function parsed<T>(path: string, parse: () => T): T {
  try {
    return parse()
  } catch {
    throw new ConfigError(`${path} is damaged: remove it and join again with gpulab-agent join`)
  }
}
