import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one')
})
afterAll(() => api[Symbol.asyncDispose]())

const logIn = (registry: string, password = 'p4ss', client = api.client) =>
  client.registries.login({ body: { registry, username: 'team', password } })

async function loginFor(image: string, client = api.client) {
  const { uuid } = await client.containers.create({ body: { image } })
  await host.pull()
  return host.target.containers.find((one) => one.uuid === uuid)?.registry_login
}

describe('a login to a registry', () => {
  it('goes to the host with the images of that registry, and with no others', async () => {
    await logIn('ghcr.io')
    await logIn('registry.example.com:5000', 'other')
    const login = { username: 'team', password: 'p4ss' }
    expect(await loginFor('ghcr.io/team/a:1')).toMatchObject(login)
    expect(await loginFor('GHCR.io/team/a:1')).toMatchObject(login)
    expect(await loginFor('registry.example.com:5000/a')).toMatchObject({ password: 'other' })
    for (const image of ['ghcr.io.example.com/a', 'registry.example.com/a', 'team/ghcr.io', 'ubuntu']) {
      expect(await loginFor(image)).toBeNull()
    }
    expect(await loginFor('ghcr.io/team/a:1', api.stranger)).toBeNull()
  })

  it('of Docker Hub is for images without a registry, whatever it is called', async () => {
    expect(await logIn('index.docker.io')).toMatchObject({ registry: 'docker.io' })
    expect(await loginFor('ubuntu:22.04')).toMatchObject({ username: 'team' })
    expect(await loginFor('docker.io/team/a')).toMatchObject({ username: 'team' })
    await api.client.registries.logout({ params: { registry: 'registry-1.docker.io' } })
    expect(await loginFor('ubuntu:22.04')).toBeNull()
  })

  it('is another one after each change, and is nowhere to be read', async () => {
    await logIn('quay.io', 'first-secret')
    const first = await loginFor('quay.io/a/b:1')
    await logIn('quay.io', 'second-secret')
    const second = await loginFor('quay.io/a/b:1')
    expect(second).toMatchObject({ password: 'second-secret' })
    expect(second?.id).not.toBe(first?.id)
    const listed = await api.client.registries.list({ query: { limit: 200 } })
    expect(listed.items.map(({ registry }) => registry)).toEqual([
      'ghcr.io',
      'quay.io',
      'registry.example.com:5000',
    ])
    const audit = await api.client.admin.audit.list({ query: { limit: 200 } })
    expect(JSON.stringify([listed, audit])).not.toContain('secret"')
    expect(JSON.stringify(audit)).toContain('quay.io')
    const stored = await api.database.sql`select encode(password, 'escape') as text from registry_logins`
    expect(JSON.stringify(stored)).not.toContain('secret')
  })

  it('needs the name of a registry that tenants may use', async () => {
    for (const registry of [
      'https://ghcr.io',
      'ghcr.io/team',
      '',
      'a b',
      '10.0.0.1:5000',
      'localhost:5000',
    ]) {
      await expect(logIn(registry)).rejects.toMatchObject({ code: 'invalid_request' })
    }
  })

  it('is not taken from another team', async () => {
    await logIn('theirs.example.com', 'x', api.stranger)
    await expect(
      api.client.registries.logout({ params: { registry: 'theirs.example.com' } }),
    ).rejects.toMatchObject({ code: 'registry_login_not_found', exitCode: 3 })
  })
})
