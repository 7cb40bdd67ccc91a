import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { openImageAccess } from '../src/containers/image-access.ts'
import { createImagePuller } from '../src/containers/image-puller.ts'
import { connectEngine } from '../src/docker/connect.ts'
import { findImage, removeImage } from '../src/docker/images.ts'
import { startTestRegistry, type TestRegistry } from './test-registry.ts'

const engine = connectEngine((process.env['GPULAB_TEST_DOCKER_HOST'] ?? '').replace('unix://', ''))
const secret = { username: 'team', password: 'p4ss"wörd' }
const owner = { id: randomUUID(), ...secret }
const wrong = { id: randomUUID(), username: 'team', password: 'guess' }

let registry: TestRegistry
let folder: string
const names: string[] = []

beforeAll(async () => {
  registry = await startTestRegistry()
  registry.protect(secret)
  folder = await mkdtemp(join(tmpdir(), 'gpulab-private-'))
})
afterAll(async () => {
  for (const name of names) await removeImage(engine, name)
  await registry[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const toName = (repository: string): string => {
  const name = `${registry.host}/${repository}:1`
  names.push(name)
  return name
}
const openPuller = async () => {
  const access = await openImageAccess(join(folder, 'access.json'))
  const puller = createImagePuller({ engine, clock: systemClock, access, onPulled: () => {} })
  return async (image: string, login: typeof owner | null) => {
    const lines: string[] = []
    const signal = AbortSignal.timeout(60_000)
    await puller.ensure({ image, registry_login: login }, (line) => lines.push(line), signal)
    return lines.length > 0 ? 'pulled' : 'was there'
  }
}

describe('a private image', () => {
  it('is got with the login of its team, and stays theirs once it is on the host', async () => {
    const name = toName('private')
    const ensure = await openPuller()
    const refusal = { code: 'image_not_found', message: expect.stringContaining('login') as string }
    await expect(ensure(name, null)).rejects.toMatchObject(refusal)
    await expect(ensure(name, wrong)).rejects.toMatchObject(refusal)
    expect(await ensure(name, owner)).toBe('pulled')
    expect(await ensure(name, owner)).toBe('was there')

    await expect(ensure(name, null)).rejects.toMatchObject(refusal)
    await expect(ensure(name, wrong)).rejects.toMatchObject(refusal)
    const { id = '' } = (await findImage(engine, name)) ?? {}
    for (const guess of [id, id.slice('sha256:'.length), id.slice('sha256:'.length, 19)]) {
      await expect(ensure(guess, owner)).rejects.toMatchObject({ code: 'image_not_found' })
    }

    const second = { id: randomUUID(), ...secret }
    expect(await ensure(name, second)).toBe('pulled')
    const restarted = await openPuller()
    expect(await restarted(name, owner)).toBe('was there')
    await expect(restarted(name, null)).rejects.toMatchObject(refusal)
  })

  it('is not given to who knows its digest', async () => {
    const name = toName('digest')
    const ensure = await openPuller()
    await ensure(name, owner)
    const { references = [] } = (await findImage(engine, name)) ?? {}
    const byDigest = references.find((reference) => reference.includes('/digest@')) ?? ''
    expect(byDigest).toContain('@sha256:')
    for (const login of [null, wrong])
      await expect(ensure(byDigest, login)).rejects.toMatchObject({ code: 'image_not_found' })
    await expect(ensure(name, null)).rejects.toMatchObject({ code: 'image_not_found' })
    expect(await ensure(byDigest, owner)).toBe('was there')
    expect(await ensure(byDigest, { id: randomUUID(), ...secret })).toBe('pulled')
  })

  it('that is sought in the repository of what was loaded leaves that to all', async () => {
    const loaded = 'gpulab.test/base:1'
    names.push(loaded)
    registry.protect(null)
    const ensure = await openPuller()
    const source = toName('source')
    await ensure(source, null)
    registry.protect(secret)
    await engine.getImage(source).tag({ repo: 'gpulab.test/base', tag: '1' })
    await expect(ensure('gpulab.test/base:none', wrong)).rejects.toThrow()
    expect(await ensure(loaded, null)).toBe('was there')
  })

  it('is for everybody as soon as its registry says so', async () => {
    const name = toName('opened')
    const ensure = await openPuller()
    await ensure(name, owner)
    registry.protect(null)
    try {
      expect(await ensure(name, null)).toBe('pulled')
      registry.protect(secret)
      expect(await ensure(name, wrong)).toBe('was there')
    } finally {
      registry.protect(secret)
    }
  })

  it('is not shared with those who pull it at the same moment', async () => {
    const name = toName('at-once')
    const ensure = await openPuller()
    const [first, second, third] = await Promise.allSettled([
      ensure(name, owner),
      ensure(name, wrong),
      ensure(name, null),
    ])
    expect([first.status, second.status, third.status]).toEqual(['fulfilled', 'rejected', 'rejected'])
  })
})
