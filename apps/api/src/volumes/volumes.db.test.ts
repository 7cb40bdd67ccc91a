import type { api as contract, CallInput } from '@gpulab/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const gib = 2 ** 30
const missing = '00000000-0000-4000-8000-000000000000'
let api: TestApi
let host: FakeHost

beforeEach(async () => {
  api = await startTestApi()
  host = await api.startHost('one', ['NVIDIA H100'])
})
afterEach(() => api[Symbol.asyncDispose]())

type Body = CallInput<typeof contract.volumes.create>['body']
const create = (name = 'data', body: Partial<Body> = {}) =>
  api.client.volumes.create({ body: { name, size_bytes: 10 * gib, ...body } })
const show = (uuid: string) => api.client.volumes.get({ params: { uuid } })
const resize = (uuid: string, size: number) =>
  api.client.volumes.resize({ params: { uuid }, body: { size_bytes: size } })
const remove = (uuid: string) => api.client.volumes.remove({ params: { uuid } })
const deploy = (...volumes: string[]) =>
  api.client.containers.create({
    body: {
      image: 'x',
      memory_bytes: gib,
      volumes: volumes.map((name, index) => ({ name, mount_path: `/mnt/${index}` })),
    },
  })
async function createReady(name = 'data', body: Partial<Body> = {}) {
  const volume = await create(name, body)
  await host.settleVolumes()
  return volume
}

describe('a volume', () => {
  it('is made by its host, and available then', async () => {
    const volume = await create()
    expect(volume).toMatchObject({
      name: 'data',
      status: 'creating',
      driver: 'local',
      size_bytes: 10 * gib,
      used_bytes: null,
      enforced: null,
      shared: false,
      host: 'one',
      containers: [],
    })
    await host.settleVolumes()
    expect(host.target.volumes).toMatchObject([
      { uuid: volume.uuid, desired: 'present', manages: true, was_made: false, generation: 1 },
    ])
    expect(await show(volume.uuid)).toMatchObject({ status: 'available', used_bytes: 0, enforced: true })
    await host.pull()
    expect(host.target.volumes).toMatchObject([{ was_made: true }])
  })

  it('is found by name, and paged', async () => {
    for (const name of ['a', 'b', 'c']) await create(name)
    const { items } = await api.client.volumes.list({ query: { name: 'b' } })
    expect(items.map(({ name }) => name)).toEqual(['b'])
    const first = await api.client.volumes.list({ query: { limit: 2 } })
    const second = await api.client.volumes.list({ query: { limit: 2, cursor: first.next_cursor ?? '' } })
    expect([...first.items, ...second.items].map(({ name }) => name).toSorted()).toEqual(['a', 'b', 'c'])
  })

  it('goes where there is room, and where its GPUs are', async () => {
    for (const [name, cards, size] of [
      ['two', ['NVIDIA H200'], 2000],
      ['without', [], 5000],
    ] as const) {
      const other = await api.startHost(name, cards)
      other.volumeKinds = [{ driver: 'local', enforced: false, size_bytes: size * gib }]
      await other.hello()
    }
    expect((await create('any')).host).toBe('two')
    expect((await create('near', { gpu_type: 'NVIDIA H100' })).host).toBe('one')
    expect((await create('large', { size_bytes: 3000 * gib })).host).toBe('without')
    await expect(create('none', { gpu_type: 'no such' })).rejects.toMatchObject({
      code: 'gpu_type_not_found',
    })
  })

  it('is failed when its host has no room for it after all', async () => {
    const volume = await create()
    const failure = { generation: 1, code: 'no_space', message: 'The host has 5 MiB.' }
    host.volumeFacts.set(volume.uuid, { state: 'pending', generation: 0, failure })
    await host.settleVolumes()
    expect(await show(volume.uuid)).toMatchObject({
      status: 'failed',
      status_reason: { code: 'no_space', message: 'The host has 5 MiB.' },
    })
    await expect(deploy('data')).rejects.toMatchObject({ code: 'volume_wrong_state' })
  })

  it('is unreachable while its host is silent', async () => {
    const { uuid } = await createReady()
    api.clock.advance(60_000)
    expect((await show(uuid)).status).toBe('unreachable')
  })
})

describe('rejects', () => {
  it('a name that is taken, until its holder is deleted', async () => {
    const { uuid } = await createReady()
    await expect(create()).rejects.toMatchObject({ code: 'volume_name_taken', exitCode: 5 })
    await remove(uuid)
    await create()
  })

  it('more than any host has', async () => {
    await expect(create('big', { size_bytes: 1001 * gib })).rejects.toMatchObject({
      code: 'no_space',
      exitCode: 6,
      details: { free_bytes: 1000 * gib },
    })
    await createReady('half', { size_bytes: 600 * gib })
    await expect(create('other', { size_bytes: 600 * gib })).rejects.toMatchObject({
      details: { free_bytes: 400 * gib },
    })
  })

  it('a kind that no host has', async () => {
    await expect(create('shared', { driver: 'moosefs' })).rejects.toMatchObject({ code: 'not_available' })
  })

  it.each([
    [{ name: 'a/b', size_bytes: gib }],
    [{ name: 'a', size_bytes: 1 }],
    [{ name: 'a', size_bytes: 2 ** 51 }],
    [{ name: '', size_bytes: gib }],
  ])('%j', async (body) => {
    await expect(api.client.volumes.create({ body })).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('what is not yours', () => {
  it('is as missing as what never was', async () => {
    const { uuid } = await createReady()
    const calls = [
      (id: string) => api.stranger.volumes.get({ params: { uuid: id } }),
      (id: string) => api.stranger.volumes.resize({ params: { uuid: id }, body: { size_bytes: 20 * gib } }),
      (id: string) => api.stranger.volumes.remove({ params: { uuid: id } }),
    ]
    for (const call of calls) {
      const tell = async (id: string) => {
        const error = (await call(id).catch((thrown: unknown) => thrown)) as Error & { code: string }
        return [error.code, error.message.replace(id, '')]
      }
      expect(await tell(uuid)).toEqual(await tell(missing))
    }
    expect((await api.stranger.volumes.list({})).items).toEqual([])
    const body = { image: 'x', memory_bytes: gib, volumes: [{ name: 'data', mount_path: '/x' }] }
    await expect(api.stranger.containers.create({ body })).rejects.toMatchObject({ code: 'volume_not_found' })
    expect((await show(uuid)).status).toBe('available')
  })
})

describe('a resize', () => {
  it('is done by the host', async () => {
    const { uuid } = await createReady()
    expect(await resize(uuid, 20 * gib)).toMatchObject({ status: 'resizing', size_bytes: 20 * gib })
    await host.settleVolumes()
    expect(await show(uuid)).toMatchObject({ status: 'available', size_bytes: 20 * gib, status_reason: null })
  })

  it('is taken back where the host has no room, and says why', async () => {
    const { uuid } = await createReady()
    await resize(uuid, 20 * gib)
    host.volumeFacts.set(uuid, {
      generation: 1,
      failure: { generation: 2, code: 'no_space', message: 'Full.' },
    })
    await host.settleVolumes()
    host.volumeFacts.clear()
    await host.settleVolumes()
    expect(await show(uuid)).toMatchObject({
      status: 'available',
      size_bytes: 10 * gib,
      status_reason: { code: 'no_space', message: 'Full.' },
    })
    expect(await resize(uuid, 10 * gib)).toMatchObject({ status: 'available', status_reason: null })
    await resize(uuid, 12 * gib)
    await host.settleVolumes()
    expect(await show(uuid)).toMatchObject({ size_bytes: 12 * gib, status_reason: null })
  })

  it('of a local volume never shrinks it', async () => {
    const { uuid } = await createReady()
    await expect(resize(uuid, 5 * gib)).rejects.toMatchObject({ code: 'volume_too_small', exitCode: 5 })
  })

  it('of a shared volume shrinks it as far as what it holds', async () => {
    host.volumeKinds = [{ driver: 'moosefs', enforced: true, size_bytes: 0 }]
    await host.hello()
    const { uuid } = await create('shared', { driver: 'moosefs' })
    host.volumeFacts.set(uuid, { used_bytes: 3 * gib })
    await host.settleVolumes()
    await expect(resize(uuid, 2 * gib)).rejects.toMatchObject({
      code: 'volume_too_small',
      details: { used_bytes: 3 * gib },
    })
    expect((await resize(uuid, 3 * gib)).size_bytes).toBe(3 * gib)
  })

  it('waits until there is something to resize, and for room', async () => {
    const { uuid } = await create()
    await expect(resize(uuid, 20 * gib)).rejects.toMatchObject({ code: 'volume_wrong_state' })
    await host.settleVolumes()
    await expect(resize(uuid, 2000 * gib)).rejects.toMatchObject({
      code: 'no_space',
      message: 'The host of volume data has 990 GiB more for volumes.',
      details: { free_bytes: 990 * gib },
    })
  })
})

describe('a quota', () => {
  it('holds for volumes and for their bytes, resizes included', async () => {
    const team = (await api.client.account.get({})).team.uuid
    await api.database
      .sql`insert into quotas (team_uuid, volumes, volume_bytes) values (${team}, 2, ${40 * gib})`
    const { uuid } = await createReady('a')
    await expect(resize(uuid, 50 * gib)).rejects.toMatchObject({ code: 'quota_exceeded' })
    await expect(create('b', { size_bytes: 31 * gib })).rejects.toMatchObject({
      code: 'quota_exceeded',
      message: 'Your team may have 40 GiB of volumes and has 10 GiB; this asks for 31 GiB more.',
    })
    await create('b')
    await expect(create('c')).rejects.toMatchObject({
      code: 'quota_exceeded',
      message: 'Your team may have 2 volumes and has 2; this asks for 1 more.',
      details: { limit: 2 },
    })
    expect((await api.client.account.get({})).used).toMatchObject({ volumes: 2, volume_bytes: 20 * gib })
  })
})

describe('a container with volumes', () => {
  it('runs where its volume is, and goes back there', async () => {
    const { uuid: volume } = await createReady()
    await api.startHost('two')
    for (let round = 0; round < 3; round++) expect((await deploy('data')).host).toBe('one')
    const container = await deploy('data')
    expect(container.volumes).toEqual([
      { uuid: volume, name: 'data', mount_path: '/mnt/0', read_only: false },
    ])
    await host.pull()
    const wanted = host.target.containers.find(({ uuid }) => uuid === container.uuid)
    expect(wanted?.volumes).toEqual([{ uuid: volume, mount_path: '/mnt/0', read_only: false }])
    expect((await show(volume)).containers).toHaveLength(4)
  })

  it('does not fit where its volume is not', async () => {
    await createReady()
    await api.startHost('cards', ['NVIDIA H200'])
    const near = { image: 'x', gpu_type: 'NVIDIA H200', volumes: [{ name: 'data', mount_path: '/x' }] }
    await expect(api.client.containers.create({ body: near })).rejects.toMatchObject({
      code: 'no_capacity',
      message: expect.stringMatching(
        /^Host one, which has its volumes, .+ has 0 NVIDIA H200 in all/,
      ) as string,
      hint: expect.stringContaining('volumes create --gpu-type') as string,
    })
    const big = { image: 'x', memory_bytes: 500 * gib, volumes: [{ name: 'data', mount_path: '/x' }] }
    await expect(api.client.containers.create({ body: big })).rejects.toMatchObject({ code: 'no_capacity' })
    api.clock.advance(60_000)
    await api.startHost('two')
    await expect(deploy('data')).rejects.toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('that has its volumes') as string,
    })
  })

  it('can not have volumes of two hosts', async () => {
    await createReady()
    const other = await api.startHost('two', ['NVIDIA H100'])
    other.volumeKinds = [{ driver: 'local', enforced: true, size_bytes: 9000 * gib }]
    await other.hello()
    await create('far')
    await expect(deploy('data', 'far')).rejects.toMatchObject({ code: 'volumes_apart' })
  })

  it('keeps its volume from being deleted until it is gone', async () => {
    const { uuid } = await createReady()
    const container = await deploy('data', 'data')
    await host.converge()
    await expect(remove(uuid)).rejects.toMatchObject({
      code: 'volume_in_use',
      exitCode: 5,
      message: expect.stringContaining(container.name) as string,
      details: { containers: [{ uuid: container.uuid, name: container.name }] },
    })
    await api.client.containers.remove({ params: { uuid: container.uuid } })
    await expect(remove(uuid)).rejects.toMatchObject({ code: 'volume_in_use' })
    await host.converge()
    await remove(uuid)
    expect((await show(uuid)).status).toBe('deleting')
    await host.settleVolumes()
    await expect(show(uuid)).rejects.toMatchObject({ code: 'volume_not_found' })
  })

  it('has its volume, or the volume is deleted: never both', async () => {
    for (let round = 0; round < 10; round++) {
      const { uuid } = await createReady(`race-${round}`)
      const [deployed, removed] = await Promise.allSettled([deploy(`race-${round}`), remove(uuid)])
      expect([deployed.status, removed.status].toSorted()).toEqual(['fulfilled', 'rejected'])
    }
  })

  it('is adopted only with the same volumes', async () => {
    await createReady()
    const body = { name: 'job', image: 'x', memory_bytes: gib, if_exists: 'adopt' as const }
    const volumes = [{ name: 'data', mount_path: '/x' }]
    const first = await api.client.containers.create({ body: { ...body, volumes } })
    expect((await api.client.containers.create({ body: { ...body, volumes } })).uuid).toBe(first.uuid)
    await expect(api.client.containers.create({ body })).rejects.toMatchObject({
      message: expect.stringContaining('list of volumes differs') as string,
    })
  })

  it('of a shared kind runs on any host that has that kind', async () => {
    host.volumeKinds = [{ driver: 'moosefs', enforced: true, size_bytes: 0 }]
    await host.hello()
    const { uuid } = await create('shared', { driver: 'moosefs' })
    await host.settleVolumes()
    const other = await api.startHost('two')
    other.volumeKinds = host.volumeKinds
    await other.hello()
    api.clock.advance(60_000)
    await other.heartbeat().catch(() => other.report())
    const container = await deploy('shared')
    expect(container.host).toBe('two')
    await other.pull()
    expect(other.target.volumes).toMatchObject([{ uuid, manages: false, driver: 'moosefs' }])
  })
})

describe('a host that is gone', () => {
  it('takes none of its volumes with it unless an operator says so', async () => {
    const { uuid } = await createReady()
    const { items } = await api.client.hosts.list({})
    const params = { uuid: items[0]?.uuid ?? '' }
    await expect(api.client.hosts.remove({ params })).rejects.toMatchObject({
      code: 'host_in_use',
      message: expect.stringContaining('data') as string,
    })
    api.clock.advance(60_000)
    await api.client.hosts.fence({ params })
    await remove(uuid)
    await expect(show(uuid)).rejects.toMatchObject({ code: 'volume_not_found' })
    await api.client.hosts.remove({ params })
  })

  it('leaves those that hosts share to another one', async () => {
    host.volumeKinds = [{ driver: 'moosefs', enforced: true, size_bytes: 0 }]
    await host.hello()
    const { uuid } = await create('shared', { driver: 'moosefs' })
    const { uuid: unwanted } = await create('unwanted', { driver: 'moosefs' })
    await host.settleVolumes()
    const { items } = await api.client.hosts.list({})
    const params = { uuid: items[0]?.uuid ?? '' }
    api.clock.advance(60_000)
    await api.sweep()
    await api.client.hosts.fence({ params })
    await remove(unwanted)
    await api.sweep()
    // There is nobody yet, and nothing is lost.
    await expect(api.client.hosts.remove({ params })).rejects.toMatchObject({ code: 'host_in_use' })
    const other = await api.startHost('two')
    other.volumeKinds = host.volumeKinds
    await other.hello()
    await api.sweep()
    await other.pull()
    expect(other.target.volumes.toSorted((a, b) => a.desired.localeCompare(b.desired))).toMatchObject([
      { uuid: unwanted, manages: true, desired: 'absent' },
      { uuid, manages: true, desired: 'present', was_made: true, size_bytes: 10 * gib },
    ])
    await resize(uuid, 20 * gib)
    await other.settleVolumes()
    expect(await show(uuid)).toMatchObject({ status: 'available', size_bytes: 20 * gib })
    await expect(show(unwanted)).rejects.toMatchObject({ code: 'volume_not_found' })
    await api.client.hosts.remove({ params })
  })
})
