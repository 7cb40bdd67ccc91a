import { GpulabError, type Quotas } from '@gpulab/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let hosts: FakeHost[]

beforeEach(async () => {
  api = await startTestApi()
  hosts = []
  for (const name of ['one', 'two', 'three']) hosts.push(await api.startHost(name, Array(8).fill(rtx)))
})
afterEach(() => api[Symbol.asyncDispose]())

const converge = () => Promise.all(hosts.map((host) => host.converge()))

async function setQuotas(body: Partial<Quotas>) {
  const { team } = await api.client.account.get()
  return api.client.admin.teams.setQuotas({ params: { uuid: team.uuid }, body })
}

const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error instanceof GpulabError ? error.code : 'thrown'),
  )

/** How many of each outcome there were. */
async function race(works: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const outcomes = await Promise.all(works.map(outcomeOf))
  return Object.fromEntries(
    [...Map.groupBy(outcomes, (one) => one)].map(([key, { length }]) => [key, length]),
  )
}

describe('what a team may have', () => {
  it('is as much as there is, until it is limited', async () => {
    expect(await setQuotas({ gpus: 2 })).toMatchObject({ quotas: { gpus: 2, containers: null } })
    expect(await setQuotas({ containers: 9 })).toMatchObject({ quotas: { gpus: 2, containers: 9 } })
    await setQuotas({ gpus: null, containers: null })
    const body = { image: 'x', gpu_type: rtx, gpu_count: 8 }
    expect((await api.client.containers.create({ body })).gpu_count).toBe(8)
  })

  it('counts cards that are held, and not those of what is stopped or deleted', async () => {
    await setQuotas({ gpus: 3 })
    const body = { image: 'x', gpu_type: rtx, gpu_count: 2 }
    const first = await api.client.containers.create({ body })
    await converge()
    await expect(api.client.containers.create({ body })).rejects.toMatchObject({
      code: 'quota_exceeded',
      exitCode: 6,
      details: { resource: 'gpus', limit: 3, used: 2, wanted: 2 },
    })
    await api.stranger.containers.create({ body })
    const params = { uuid: first.uuid }
    await api.client.containers.stop({ params })
    await converge()
    const second = await api.client.containers.create({ body })
    await expect(api.client.containers.start({ params })).rejects.toMatchObject({ code: 'quota_exceeded' })
    await expect(api.client.containers.redeploy({ params })).rejects.toMatchObject({
      code: 'quota_exceeded',
    })
    await api.client.containers.remove({ params: { uuid: second.uuid } })
    expect((await api.client.containers.start({ params })).status).toBe('starting')
  })

  it('counts those in line, and lets one take the place of another', async () => {
    await setQuotas({ gpus: 16, containers: 3 })
    const body = { image: 'x', gpu_type: rtx, gpu_count: 8 }
    for (let n = 0; n < 3; n++) await api.stranger.containers.create({ body })
    await api.client.containers.create({ body: { ...body, queue: true, name: 'a' } })
    await api.client.containers.create({ body: { ...body, queue: true } })
    await expect(
      api.client.containers.create({ body: { image: 'x', gpu_type: rtx, queue: true } }),
    ).rejects.toMatchObject({ code: 'quota_exceeded', details: { resource: 'gpus' } })
    await api.client.containers.create({ body: { image: 'x' } })
    await expect(api.client.containers.create({ body: { image: 'x' } })).rejects.toMatchObject({
      code: 'quota_exceeded',
      details: { resource: 'containers', limit: 3, used: 3, wanted: 1 },
    })
    const replacing = { ...body, queue: true, name: 'a', if_exists: 'replace' } as const
    expect((await api.client.containers.create({ body: replacing })).status).toBe('queued')
  })
})

describe('50 requests at once, at two APIs', () => {
  it('get no more cards than the quota, on whatever hosts', async () => {
    await setQuotas({ gpus: 7 })
    const clients = [api.client, await api.startReplica()]
    const body = { image: 'x', gpu_type: rtx }
    const works = Array.from(
      { length: 50 },
      (_, n) => clients[n % 2]?.containers.create({ body }) ?? Promise.reject(),
    )
    expect(await race(works)).toEqual({ done: 7, quota_exceeded: 43 })
    const [row] = await api.database
      .sql`select count(*)::int as leased from gpu_leases where released_at is null`
    expect(row).toEqual({ leased: 7 })
  })

  it('make no more containers than the quota', async () => {
    await setQuotas({ containers: 20 })
    const clients = [api.client, await api.startReplica()]
    const body = { image: 'x' }
    const works = Array.from(
      { length: 50 },
      (_, n) => clients[n % 2]?.containers.create({ body }) ?? Promise.reject(),
    )
    expect(await race(works)).toEqual({ done: 20, quota_exceeded: 30 })
  })

  it('start no more of what is stopped than the quota', async () => {
    const body = { image: 'x', gpu_type: rtx }
    const made = await Promise.all(Array.from({ length: 12 }, () => api.client.containers.create({ body })))
    await converge()
    await Promise.all(made.map(({ uuid }) => api.client.containers.stop({ params: { uuid } })))
    await converge()
    await setQuotas({ gpus: 5 })
    const clients = [api.client, await api.startReplica()]
    const works = Array.from({ length: 50 }, (_, n) => {
      const params = { uuid: made[n % made.length]?.uuid ?? '' }
      return clients[n % 2]?.containers.start({ params }) ?? Promise.reject()
    })
    await race(works)
    const [row] = await api.database
      .sql`select count(*)::int as leased from gpu_leases where released_at is null`
    expect(row).toEqual({ leased: 5 })
  })

  it('lease no card twice', async () => {
    const clients = [api.client, await api.startReplica()]
    const body = { image: 'x', gpu_type: rtx }
    const works = Array.from(
      { length: 50 },
      (_, n) => clients[n % 2]?.containers.create({ body }) ?? Promise.reject(),
    )
    expect(await race(works)).toEqual({ done: 24, no_capacity: 26 })
  })
})

describe('sessions', () => {
  const make = (uuid: string) => api.client.sessions.create({ params: { uuid }, body: { command: ['true'] } })
  const deploy = async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x' } })
    await converge()
    const { host } = await api.client.containers.get({ params: { uuid } })
    const found = hosts.find(({ name }) => name === host)
    if (!found) throw new Error(`No host ${host}`)
    return { uuid, sessions: found.sessions }
  }

  it('are no more at a time than the quota, also when all come at once', async () => {
    const { uuid } = await deploy()
    await setQuotas({ sessions: 4 })
    expect(await race(Array.from({ length: 50 }, () => make(uuid)))).toEqual({ done: 4, quota_exceeded: 46 })
  })

  it('count until they end, which their host is asked for', async () => {
    const { uuid, sessions } = await deploy()
    await setQuotas({ sessions: 1 })
    const { id } = await make(uuid)
    await expect(make(uuid)).rejects.toMatchObject({
      code: 'quota_exceeded',
      details: { resource: 'sessions', limit: 1, used: 1, wanted: 1 },
    })
    const known = sessions.known.get(id)
    if (known) sessions.known.set(id, { ...known, state: 'ended' })
    const second = await make(uuid)
    // Its host has forgotten it: it has ended some time ago, or is only about to begin.
    sessions.known.delete(second.id)
    await expect(make(uuid)).rejects.toMatchObject({ code: 'quota_exceeded' })
    api.clock.advance(40_000)
    await Promise.all(hosts.map((host) => host.report()))
    await expect(make(uuid)).rejects.toMatchObject({ code: 'quota_exceeded' })
    for (let n = 0; n < 3; n++) {
      api.clock.advance(40_000)
      await Promise.all(hosts.map((host) => host.report()))
    }
    await make(uuid)
  })

  it('count once where a request is repeated, which gets its own also when there are no more', async () => {
    const { uuid } = await deploy()
    await setQuotas({ sessions: 2 })
    const again = () =>
      api.client.sessions.create(
        { params: { uuid }, body: { command: ['true'] } },
        { idempotencyKey: `again-${uuid}` },
      )
    const { id } = await again()
    expect((await again()).id).toBe(id)
    await make(uuid)
    await expect(make(uuid)).rejects.toMatchObject({ code: 'quota_exceeded' })
    expect((await again()).id).toBe(id)
  })

  it('do not count where none was made', async () => {
    const { uuid, sessions } = await deploy()
    await setQuotas({ sessions: 1 })
    sessions.onCreate = () => Promise.reject(new GpulabError('command_failed'))
    await expect(make(uuid)).rejects.toMatchObject({ code: 'command_failed' })
    sessions.onCreate = async () => {}
    await make(uuid)
  })
})
