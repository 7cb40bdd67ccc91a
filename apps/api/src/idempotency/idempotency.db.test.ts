import { GpulabError } from '@gpulab/contract'
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

const withKey = (key: string) => api.clientWith(api.apiKey, { 'idempotency-key': key })
const count = async () => (await api.client.containers.list({})).items.length

describe('a request that is repeated with its key', () => {
  it('deploys one container, and gets it as it is now', async () => {
    const before = await count()
    const client = withKey('deploy-1')
    const first = await client.containers.create({ body: { image: 'x' } })
    await host.converge()
    const second = await client.containers.create({ body: { image: 'x' } })
    expect(second).toMatchObject({ uuid: first.uuid, status: 'running' })
    expect(await count()).toBe(before + 1)
  })

  it('deploys one container also when all come at once', async () => {
    const before = await count()
    const client = withKey('deploy-2')
    const all = await Promise.all(
      Array.from({ length: 10 }, () => client.containers.create({ body: { image: 'x' } })),
    )
    expect(new Set(all.map(({ uuid }) => uuid)).size).toBe(1)
    expect(await count()).toBe(before + 1)
  })

  it('is the same to all who come at once, also where the first one is in the way of the others', async () => {
    const deploys = withKey('deploy-named')
    const body = { image: 'x', name: 'only-one' }
    const deployed = await Promise.all(Array.from({ length: 10 }, () => deploys.containers.create({ body })))
    expect(new Set(deployed.map(({ uuid }) => uuid)).size).toBe(1)

    const params = { uuid: deployed[0]?.uuid ?? '' }
    await host.converge()
    await api.client.containers.stop({ params })
    await host.converge()
    const { redeploy } = withKey('redeploy-at-once').containers
    const remade = await Promise.all(Array.from({ length: 10 }, () => redeploy({ params })))
    expect(new Set(remade.map(({ generation }) => generation))).toEqual(new Set([2]))
  })

  it('restarts once', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    await host.converge()
    const client = withKey('restart')
    const params = { uuid }
    expect((await client.containers.restart({ params })).status).toBe('restarting')
    await host.converge()
    const { started_at: startedAt } = await api.client.containers.get({ params })
    expect((await client.containers.restart({ params })).status).toBe('running')
    await host.converge()
    expect((await api.client.containers.get({ params })).started_at).toBe(startedAt)
  })

  it('runs a command once', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    await host.converge()
    let runs = 0
    host.onExec = async () => ({ exit_code: runs++ })
    const client = withKey('exec')
    const call = { params: { uuid }, body: { command: ['true'] } }
    expect((await client.exec.run(call)).exit_code).toBe(0)
    await expect(client.exec.run(call)).rejects.toMatchObject({ code: 'idempotency_replayed' })
    expect(runs).toBe(1)
  })

  it('runs a command that its host had not begun', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    await host.converge()
    const client = withKey('exec-refused')
    const call = { params: { uuid }, body: { command: ['true'] } }
    host.onExec = async () => {
      throw new GpulabError('rate_limited')
    }
    await expect(client.exec.run(call)).rejects.toMatchObject({ code: 'rate_limited' })
    host.onExec = async () => ({ exit_code: 5 })
    expect((await client.exec.run(call)).exit_code).toBe(5)
  })

  it('but is another one is refused', async () => {
    const client = withKey('deploy-3')
    const { uuid } = await client.containers.create({ body: { image: 'x' } })
    const refusal = { code: 'idempotency_key_reused', status: 409 }
    await expect(client.containers.create({ body: { image: 'y' } })).rejects.toMatchObject(refusal)
    await expect(client.containers.stop({ params: { uuid } })).rejects.toMatchObject(refusal)
  })

  it('is carried out when the first one failed', async () => {
    const client = withKey('deploy-4')
    const body = { image: 'x', name: 'taken' }
    const { uuid } = await api.client.containers.create({ body })
    await expect(client.containers.create({ body })).rejects.toMatchObject({ code: 'container_name_taken' })
    await api.client.containers.remove({ params: { uuid } })
    expect((await client.containers.create({ body })).name).toBe('taken')
  })

  it('is a new one after a day', async () => {
    const client = withKey('deploy-5')
    const first = await client.containers.create({ body: { image: 'x' } })
    api.clock.advance(25 * 3600_000)
    await host.report()
    await api.sweep()
    expect((await client.containers.create({ body: { image: 'x' } })).uuid).not.toBe(first.uuid)
  })

  it('is a new one of another user', async () => {
    const mine = await withKey('shared').containers.create({ body: { image: 'x' } })
    const keys = await api.database.sql`select user_uuid from idempotency_keys where key = 'shared'`
    expect(keys).toHaveLength(1)
    await expect(api.stranger.containers.get({ params: mine })).rejects.toMatchObject({ status: 404 })
  })
})

it.each(['', 'x'.repeat(256), 'with space'])('a key like "%s" is refused', async (key) => {
  const asked = withKey(key).containers.create({ body: { image: 'x' } })
  if (key === '') await expect(asked).rejects.toMatchObject({ code: 'invalid_request' })
  else await expect(asked).rejects.toMatchObject({ code: 'invalid_request', exitCode: 2 })
})
