import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from '../config.ts'
import { createHostKeys, readHostKeys } from './host-keys.ts'
import { ensureJoiningKeys, type Identity, readIdentity, writeIdentity } from './identity-file.ts'

let folder: string
let stateDir: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gpulab-identity-'))
  stateDir = join(folder, 'a', 'state')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const makeIdentity = (): Identity => ({
  apiUrl: 'https://api.example.com',
  hostUuid: '2a4c8f6e-53a3-4d7b-9c11-0c7a3a1f2b3c',
  hostName: 'gpu-01',
  keys: createHostKeys(),
})
const modeOf = async (path: string) => (await stat(path)).mode & 0o777
const path = () => join(stateDir, 'identity.json')

describe('an identity', () => {
  it('is none before the first join', async () => {
    expect(await readIdentity(stateDir)).toBeUndefined()
  })

  it('is kept where only its owner can read it, and signs as before', async () => {
    const identity = makeIdentity()
    await writeIdentity(stateDir, identity)
    const { keys, ...rest } = (await readIdentity(stateDir)) ?? makeIdentity()
    expect({ ...rest, keys: identity.keys }).toEqual(identity)
    expect(keys.sign('text')).toBe(identity.keys.sign('text'))
    expect(await modeOf(path())).toBe(0o600)
    expect(await modeOf(stateDir)).toBe(0o700)
    expect(await readdir(stateDir)).toEqual(['identity.json'])
  })

  it('takes the place of an older one, and of a join that was begun', async () => {
    await writeIdentity(stateDir, makeIdentity())
    const keys = await ensureJoiningKeys(stateDir)
    const identity = { ...makeIdentity(), keys }
    await writeIdentity(stateDir, identity)
    expect((await readIdentity(stateDir))?.keys.publicKey).toBe(keys.publicKey)
    expect(await readdir(stateDir)).toEqual(['identity.json'])
  })

  it.each([0o640, 0o604, 0o660, 0o644, 0o601])('of mode %o is refused', async (mode) => {
    await writeIdentity(stateDir, makeIdentity())
    await chmod(path(), mode)
    await expect(readIdentity(stateDir)).rejects.toThrow(/Others can read/)
  })

  it.each([0o777, 0o720, 0o702])('in a folder of mode %o is refused', async (mode) => {
    await writeIdentity(stateDir, makeIdentity())
    await chmod(stateDir, mode)
    await expect(readIdentity(stateDir)).rejects.toThrow(/Others can write/)
    await chmod(stateDir, 0o700)
  })

  it('behind a link is refused', async () => {
    await writeIdentity(stateDir, makeIdentity())
    const other = join(folder, 'other')
    await mkdir(other, { mode: 0o700 })
    await symlink(path(), join(other, 'identity.json'))
    await expect(readIdentity(other)).rejects.toThrow(ConfigError)
  })

  it.each(['', '{}', 'null', '{"version":2}'])('that is damaged (%j) is refused', async (content) => {
    await writeIdentity(stateDir, makeIdentity())
    await writeFile(path(), content)
    await expect(readIdentity(stateDir)).rejects.toThrow(/is damaged/)
  })

  it('whose keys do not belong together is refused, and no key is told', async () => {
    await writeIdentity(stateDir, makeIdentity())
    const stored = JSON.parse(await readFile(path(), 'utf8')) as Record<string, string>
    await writeFile(path(), JSON.stringify({ ...stored, public_key: createHostKeys().publicKey }))
    const error = await readIdentity(stateDir).catch((cause: Error) => cause)
    expect(String(error)).toMatch(/is damaged/)
    expect(String(error)).not.toContain(stored['private_key'])
  })

  it('that cannot be written leaves the old one', async () => {
    await writeIdentity(stateDir, makeIdentity())
    await writeFile(join(folder, 'file'), '')
    await expect(writeIdentity(join(folder, 'file', 'state'), makeIdentity())).rejects.toThrow(ConfigError)
    expect(await readIdentity(stateDir)).toBeDefined()
  })
})

describe('the keys of a join', () => {
  it('are the same until it is done', async () => {
    const first = await ensureJoiningKeys(stateDir)
    expect((await ensureJoiningKeys(stateDir)).publicKey).toBe(first.publicKey)
    expect(await modeOf(join(stateDir, 'joining.json'))).toBe(0o600)
    await writeIdentity(stateDir, { ...makeIdentity(), keys: first })
    expect((await ensureJoiningKeys(stateDir)).publicKey).not.toBe(first.publicKey)
  })

  it('are raw Ed25519 keys', () => {
    const { publicKey, privateKey } = createHostKeys()
    expect(Buffer.from(publicKey, 'base64url')).toHaveLength(32)
    expect(Buffer.from(privateKey, 'base64url')).toHaveLength(32)
    expect(readHostKeys(privateKey, publicKey).publicKey).toBe(publicKey)
  })
})
