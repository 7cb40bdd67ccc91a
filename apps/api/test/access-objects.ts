import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import type { ApiClient, TestApi } from './start-test-api.ts'

/** What the routes of a kind of object are tried on. */
export interface ObjectKind {
  /** One of the client's team, which it may do anything to. */
  readonly make: (client: ApiClient) => Promise<string>
  readonly missing: () => string
  /** Teams share them, or they belong to no team: nothing to hide. */
  readonly isShared?: true
}

const unique = (): string => randomBytes(4).toString('hex')

/** A new one, without a comment. */
export function sampleSshKey(): string {
  const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const part = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  const blob = [Buffer.from('ssh-ed25519'), Buffer.from(x ?? '', 'base64url')].map(part)
  return `ssh-ed25519 ${Buffer.concat(blob).toString('base64')}`
}

/** By the path in front of the first parameter. A route of a new kind of object needs a row here. */
export function objectKinds(api: TestApi): Readonly<Record<string, ObjectKind>> {
  const missing = randomUUID
  const user = async (): Promise<string> => {
    const team = await api.client.admin.teams.create({ body: { name: unique() } })
    const body = { email: `${unique()}@example.com`, team_uuid: team.uuid }
    return (await api.client.admin.users.create({ body })).uuid
  }
  const key = async (client: ApiClient): Promise<string> =>
    (await client.apiKeys.create({ body: { name: unique() } })).id
  return {
    '/v1/containers/': {
      make: async (client) => (await client.containers.create({ body: { image: 'x' } })).uuid,
      missing,
    },
    '/v1/volumes/': {
      make: async (client) =>
        (await client.volumes.create({ body: { name: unique(), size_bytes: 2 ** 30 } })).uuid,
      missing,
    },
    '/v1/ssh-keys/': {
      make: async (client) =>
        (await client.sshKeys.add({ body: { name: unique(), public_key: sampleSshKey() } })).uuid,
      missing,
    },
    '/v1/registries/': {
      make: async (client) => {
        const body = { registry: `${unique()}.example.com`, username: 'x', password: 'x' }
        return (await client.registries.login({ body })).registry
      },
      missing: () => `${unique()}.example.com`,
    },
    '/v1/api-keys/': { make: key, missing: unique },
    '/v1/templates/': {
      make: async (client) =>
        (await client.templates.create({ body: { name: unique(), type: 'cpu', image: 'x' } })).uuid,
      missing,
    },
    '/v1/admin/templates/': {
      make: async (client) =>
        (await client.admin.templates.create({ body: { name: unique(), type: 'cpu', image: 'x' } })).uuid,
      missing,
      isShared: true,
    },
    '/v1/gpus/types/': { make: async () => 'NVIDIA H100', missing: unique, isShared: true },
    '/v1/admin/gpu-types/': { make: async () => 'NVIDIA H100', missing: unique, isShared: true },
    '/v1/hosts/': {
      make: async () => {
        const name = unique()
        await api.startHost(name)
        return (await api.client.hosts.list({ query: { name } })).items[0]?.uuid ?? ''
      },
      missing,
      isShared: true,
    },
    '/v1/admin/users/': { make: user, missing, isShared: true },
    '/v1/admin/teams/': {
      make: async (client) => (await client.admin.teams.create({ body: { name: unique() } })).uuid,
      missing,
      isShared: true,
    },
    '/v1/admin/keys/': { make: key, missing: unique, isShared: true },
  }
}

/** Bodies of endpoints that refine more than their fields one by one. */
export const bodies: Readonly<Record<string, object>> = {
  'ports.set': { ports: [] },
  'containers.create': { image: 'x' },
}
