import type { api as contract, CallInput } from '@gpulab/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
const h100 = 'NVIDIA H100'
const gib = 2 ** 30
let api: TestApi
let host: FakeHost

beforeEach(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx, rtx])
})
afterEach(() => api[Symbol.asyncDispose]())

type Body = CallInput<typeof contract.containers.create>['body']
const deploy = (body: Body = {}) =>
  api.client.containers.create({ body: { image: 'x', memory_bytes: gib, ...body } })
const show = (uuid: string) => api.client.containers.get({ params: { uuid } })
const stop = (uuid: string) => api.client.containers.stop({ params: { uuid } })
const start = (uuid: string) => api.client.containers.start({ params: { uuid } })
const remove = (uuid: string) => api.client.containers.remove({ params: { uuid } })

/** Counters that hosts are chosen by, beside what they count. */
async function requireExactCounters() {
  const types = await api.database.sql`
    select t.* from host_gpu_types t, lateral (
      select count(*) filter (where present) as total,
        count(*) filter (where present and not exists (
          select from gpu_leases l where l.gpu_uuid = g.uuid and l.released_at is null)) as free
      from gpus g where g.host_uuid = t.host_uuid and g.name = t.gpu_type
    ) counted where (t.total, t.free) is distinct from (counted.total, counted.free)`
  const shares = await api.database.sql`
    select * from hosts h where requested_memory_bytes <> (
      select coalesce(sum(memory_bytes) filter (where holds), 0) from containers c
      where c.host_uuid = h.uuid and deleted_at is null)`
  expect([...types, ...shares]).toEqual([])
}

describe('a host', () => {
  it('is promised no more than it has', async () => {
    const first = await deploy({ memory_bytes: 200 * gib })
    await expect(deploy({ memory_bytes: 100 * gib })).rejects.toMatchObject({
      code: 'no_capacity',
      exitCode: 6,
      message: 'No host has room for 100 GiB of memory; the closest one, one, has 56 GiB of memory free.',
      details: { missing: ['memory'] },
    })
    await expect(deploy({ cpus: 65 })).rejects.toMatchObject({ details: { missing: ['cpu'] } })
    await expect(deploy({ disk_bytes: 1001 * gib })).rejects.toMatchObject({ details: { missing: ['disk'] } })
    await host.converge()
    await stop(first.uuid)
    await host.converge()
    const second = await deploy({ memory_bytes: 100 * gib })
    await expect(start(first.uuid)).rejects.toMatchObject({ code: 'no_capacity' })
    await remove(second.uuid)
    await host.converge()
    expect((await start(first.uuid)).status).toBe('starting')
    await requireExactCounters()
  })

  it('of the first type that is free is taken', async () => {
    await api.startHost('two', [h100])
    const wanted = { gpu_types: [h100, rtx] }
    const deployed = [await deploy(wanted), await deploy(wanted), await deploy(wanted)]
    expect(deployed.map(({ gpu_type }) => gpu_type)).toEqual([h100, rtx, rtx])
    expect(deployed[1]).toMatchObject({ gpu_types: [h100, rtx], gpus: [{ name: rtx }] })
    await expect(deploy(wanted)).rejects.toMatchObject({ code: 'no_capacity' })
  })

  it('never gives a card twice, however many ask at once', async () => {
    await api.startHost(
      'two',
      Array.from({ length: 6 }, () => rtx),
    )
    const asked = await Promise.allSettled(Array.from({ length: 50 }, () => deploy({ gpu_type: rtx })))
    const got = asked.filter(({ status }) => status === 'fulfilled')
    expect(got).toHaveLength(8)
    const held = await api.database.sql`select gpu_uuid from gpu_leases where released_at is null`
    expect(new Set(held.map(({ gpu_uuid }) => gpu_uuid as string)).size).toBe(8)
    for (const refused of asked.filter((result) => result.status === 'rejected')) {
      expect(refused.reason).toMatchObject({ code: 'no_capacity' })
    }
    await requireExactCounters()
  })
})

describe('a stopped container', () => {
  it('starts with its own cards if they are free', async () => {
    const { uuid, gpus } = await deploy({ gpu_type: rtx })
    await host.converge()
    await stop(uuid)
    await host.converge()
    expect(await start(uuid)).toMatchObject({ status: 'starting', gpus, generation: 1 })
  })

  it('is made anew from its files with other cards if its own are taken', async () => {
    const first = await deploy({ gpu_type: rtx })
    await host.converge()
    await stop(first.uuid)
    await host.converge()
    const second = await deploy({ gpu_type: rtx })
    expect(second.gpus).toEqual(first.gpus)
    const again = await start(first.uuid)
    expect(again).toMatchObject({ status: 'starting', generation: 2 })
    expect(again.gpus).toHaveLength(1)
    expect(again.gpus).not.toEqual(first.gpus)
    const wish = (await host.pull()).find(({ uuid }) => uuid === first.uuid)
    expect(wish).toMatchObject({ generation: 2, base_generation: 1, desired: 'running' })
    await host.converge()
    expect((await show(first.uuid)).status).toBe('running')
  })

  it('that is stopped again before that was done keeps its files and gives the cards back', async () => {
    const first = await deploy({ gpu_type: rtx })
    await host.converge()
    await stop(first.uuid)
    await host.converge()
    await deploy({ gpu_type: rtx })
    await start(first.uuid)
    await stop(first.uuid)
    // The host has the old generation only, and knows the newest target.
    const old = host.facts.get(first.uuid)
    await host.pull()
    host.set(first.uuid, { ...old, generation: 1 })
    await host.report()
    expect(await show(first.uuid)).toMatchObject({ status: 'stopped', gpus: [] })
    const wish = (await host.pull()).find(({ uuid }) => uuid === first.uuid)
    expect(wish).toMatchObject({ base_generation: 1, desired: 'stopped' })
    expect(await start(first.uuid)).toMatchObject({ status: 'starting', generation: 3 })
    expect((await host.pull()).find(({ uuid }) => uuid === first.uuid)).toMatchObject({ base_generation: 1 })
  })
})

describe('a redeployed container', () => {
  const redeploy = (uuid: string) => api.client.containers.redeploy({ params: { uuid } })

  it('is made anew, wherever there is room', async () => {
    const { uuid } = await deploy({ gpu_type: rtx, gpu_count: 2 })
    await host.pull()
    host.set(uuid, { failure: { attempt: 1, code: 'image_not_found', message: 'No.' } })
    await host.report()
    expect((await show(uuid)).next_step).toContain('gpulab redeploy')
    const other = await deploy({ gpu_type: rtx })
    await expect(redeploy(uuid)).rejects.toMatchObject({ code: 'no_capacity' })
    expect((await show(uuid)).status).toBe('failed')
    const two = await api.startHost('two', [rtx, rtx])
    expect(await redeploy(uuid)).toMatchObject({ status: 'deploying', generation: 2, host: 'two' })
    await host.converge()
    await two.converge()
    expect(await show(uuid)).toMatchObject({ status: 'running', host: 'two' })
    expect((await show(other.uuid)).status).toBe('running')
    expect((await host.pull()).map((wish) => wish.uuid)).toEqual([other.uuid])
    await requireExactCounters()
  })

  it('needs no second room for its files on its own host', async () => {
    const { uuid } = await deploy({ disk_bytes: 600 * gib })
    await host.converge()
    await stop(uuid)
    await host.converge()
    expect(await redeploy(uuid)).toMatchObject({ status: 'deploying', generation: 2 })
  })

  it('that somebody else has removed is lost, and not started empty', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await stop(uuid)
    await host.converge()
    host.facts.delete(uuid)
    await host.report()
    expect(await show(uuid)).toMatchObject({ status: 'failed', status_reason: { code: 'container_lost' } })
    await expect(start(uuid)).rejects.toMatchObject({ code: 'container_wrong_state' })
    expect((await redeploy(uuid)).status).toBe('deploying')
  })

  it('must rest first', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await expect(redeploy(uuid)).rejects.toMatchObject({ code: 'container_wrong_state' })
    await stop(uuid)
    await host.converge()
    expect(await redeploy(uuid)).toMatchObject({ status: 'deploying', generation: 2 })
  })
})

describe('a name that is taken', () => {
  it('is an error, or adopts the container, or takes its place', async () => {
    const first = await deploy({ name: 'job', gpu_type: rtx, gpu_count: 2 })
    await host.converge()
    await expect(deploy({ name: 'job', gpu_type: rtx, gpu_count: 2 })).rejects.toMatchObject({
      code: 'container_name_taken',
    })
    const same = await deploy({ name: 'job', gpu_type: rtx, gpu_count: 2, if_exists: 'adopt' })
    expect(same).toMatchObject({ uuid: first.uuid, status: 'running' })
    await expect(deploy({ name: 'job', image: 'y', if_exists: 'adopt' })).rejects.toMatchObject({
      code: 'container_name_taken',
      message:
        'There is a container named job, but it is another one: its image, list of GPU types and number of GPUs differ.',
      details: { different: ['image', 'gpu_types', 'gpu_count'] },
    })
    await expect(
      deploy({ name: 'job', gpu_type: rtx, gpu_count: 1, if_exists: 'adopt' }),
    ).rejects.toMatchObject({ message: expect.stringContaining('its number of GPUs differs.') as string })
    // Its cards are what the new one needs: it waits for them.
    const next = await deploy({ name: 'job', gpu_type: rtx, gpu_count: 2, if_exists: 'replace' })
    expect(next).toMatchObject({ status: 'queued', queue: { position: 1 } })
    expect((await show(first.uuid)).status).toBe('deleting')
    await host.converge()
    await api.sweep()
    await host.converge()
    expect((await show(next.uuid)).status).toBe('running')
  })

  it('is not taken from a container for one that will never fit', async () => {
    const first = await deploy({ name: 'job', gpu_type: rtx })
    await expect(
      deploy({ name: 'job', gpu_type: rtx, gpu_count: 3, if_exists: 'replace' }),
    ).rejects.toMatchObject({
      code: 'no_capacity',
    })
    expect((await show(first.uuid)).status).toBe('deploying')
  })
})

describe('a replacement', () => {
  it('does not give up a running container for a place behind others', async () => {
    const first = await deploy({ name: 'job', gpu_type: rtx, gpu_count: 2 })
    await host.converge()
    const waiting = await deploy({ gpu_type: rtx, queue: true })
    await expect(
      deploy({ name: 'job', gpu_type: rtx, gpu_count: 2, if_exists: 'replace' }),
    ).rejects.toMatchObject({ code: 'no_capacity', message: '1 container waits in line for the same.' })
    expect((await show(first.uuid)).status).toBe('running')
    await remove(waiting.uuid)
  })

  it('adopts nothing that differs in what it runs with', async () => {
    await deploy({ name: 'job', env: { A: '1' }, ports: [80] })
    for (const change of [{ env: { A: '2' } }, { ports: [81] }, { cpus: 2 }]) {
      const body = { name: 'job', env: { A: '1' }, ports: [80], if_exists: 'adopt' as const, ...change }
      await expect(deploy(body)).rejects.toMatchObject({ code: 'container_name_taken' })
    }
    expect(await deploy({ name: 'job', env: { A: '1' }, ports: [80], if_exists: 'adopt' })).toMatchObject({
      name: 'job',
    })
  })
})

describe('many requests at once', () => {
  it('find every host that has room', async () => {
    const hosts = 50
    await Promise.all(Array.from({ length: hosts }, (_, n) => api.startHost(`many-${n}`, [h100])))
    const all = await Promise.all(Array.from({ length: hosts }, () => deploy({ gpu_type: h100 })))
    expect(new Set(all.map(({ gpus }) => gpus[0]?.uuid)).size).toBe(hosts)
    await expect(deploy({ gpu_type: h100 })).rejects.toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('has 0 NVIDIA H100 free') as string,
    })
  }, 60_000)
})

describe('the line', () => {
  it('takes nobody who could never be served', async () => {
    await expect(deploy({ gpu_type: rtx, gpu_count: 64, queue: true })).rejects.toMatchObject({
      code: 'no_capacity',
      message:
        'No host is large enough for 64 NVIDIA GeForce RTX 4090, 1 GiB of memory; the closest one, one, has 2 NVIDIA GeForce RTX 4090 in all.',
      hint: 'Ask for less, or have your operator add a host (gpulab hosts add).',
    })
    await deploy({ gpu_type: rtx })
    // Nor does it send anybody there who would not be taken.
    await expect(deploy({ gpu_type: rtx, gpu_count: 3 })).rejects.toMatchObject({
      message: expect.stringContaining('has 2 NVIDIA GeForce RTX 4090 in all') as string,
    })
    await expect(deploy({ gpu_type: rtx, gpu_count: 2 })).rejects.toMatchObject({
      message: expect.stringContaining('has 1 NVIDIA GeForce RTX 4090 free') as string,
      hint: expect.stringContaining('--queue') as string,
    })
    expect((await deploy({ gpu_type: rtx })).status).toBe('deploying')
  })

  it('is not passed by a container that is made anew', async () => {
    const first = await deploy({ gpu_type: rtx, gpu_count: 2 })
    await host.converge()
    await stop(first.uuid)
    const waiting = await deploy({ gpu_type: rtx, gpu_count: 2, queue: true })
    expect(waiting.status).toBe('queued')
    await host.converge()
    await expect(api.client.containers.redeploy({ params: { uuid: first.uuid } })).rejects.toMatchObject({
      code: 'no_capacity',
    })
    await api.sweep()
    expect((await show(waiting.uuid)).status).toBe('deploying')
  })

  it('is served in its order, and nobody passes it', async () => {
    const holder = await deploy({ gpu_type: rtx })
    await host.converge()
    const large = await deploy({ gpu_type: rtx, gpu_count: 2, queue: true })
    api.clock.advance(1)
    const small = await deploy({ gpu_type: rtx, queue: true })
    expect(large).toMatchObject({ status: 'queued', owner: 'scheduler', host: null, queue: { position: 1 } })
    expect(large.queue?.reason).toContain('1 NVIDIA GeForce RTX 4090 free')
    expect(small.queue).toMatchObject({ position: 2, reason: '1 container waits in line for the same.' })
    await expect(deploy({ gpu_type: rtx })).rejects.toMatchObject({
      code: 'no_capacity',
      message: '2 containers wait in line for the same.',
    })
    await api.sweep()
    expect((await show(small.uuid)).status).toBe('queued')
    await remove(holder.uuid)
    await host.converge()
    await api.sweep()
    expect(await show(large.uuid)).toMatchObject({ status: 'deploying', queue: null, gpu_count: 2 })
    expect((await show(small.uuid)).queue?.position).toBe(1)
    await host.converge()
    await remove(large.uuid)
    await host.converge()
    await api.sweep()
    expect((await show(small.uuid)).status).toBe('deploying')
  })

  it('tells each its place as it is, however long ago it was looked at', async () => {
    await deploy({ gpu_type: rtx, gpu_count: 2 })
    const [first, second, third] = [await wait(), await wait(), await wait()]
    await api.sweep()
    expect((await show(third)).queue).toEqual({
      position: 3,
      reason: '2 containers wait in line for the same.',
    })
    await remove(first)
    const line = (await api.client.containers.list({})).items.filter(({ queue }) => queue !== null)
    expect(line.map(({ uuid, queue }) => [uuid, queue?.position, queue?.reason])).toEqual([
      [third, 2, '1 container waits in line for the same.'],
      [second, 1, 'It is next, and is looked at in a moment.'],
    ])
    await api.sweep()
    expect((await show(second)).queue?.reason).toContain('has 0 NVIDIA GeForce RTX 4090 free')

    async function wait(): Promise<string> {
      api.clock.advance(1)
      return (await deploy({ gpu_type: rtx, queue: true })).uuid
    }
  })

  it('is looked at as soon as somebody leaves it', async () => {
    using listener = api.signals.listen('gpulab_capacity', '')
    await deploy({ gpu_type: rtx })
    const large = await deploy({ gpu_type: rtx, gpu_count: 2, queue: true })
    const { signal } = new AbortController()
    // That it got in line was a signal too.
    await listener.wait(15_000, signal)
    await remove(large.uuid)
    const leaving = performance.now()
    await listener.wait(15_000, signal)
    expect(performance.now() - leaving).toBeLessThan(10_000)
  })

  it('can be left, and ends after a day', async () => {
    await deploy({ gpu_type: rtx })
    const left = await deploy({ gpu_type: rtx, gpu_count: 2, queue: true })
    await remove(left.uuid)
    await expect(show(left.uuid)).rejects.toMatchObject({ code: 'container_not_found' })
    const { uuid } = await deploy({ gpu_type: rtx, gpu_count: 2, queue: true })
    api.clock.advance(25 * 3600_000)
    await api.sweep()
    expect(await show(uuid)).toMatchObject({
      status: 'failed',
      status_reason: { code: 'queue_timeout' },
      deadline: null,
    })
    expect(await api.client.containers.redeploy({ params: { uuid } })).toMatchObject({
      status: 'queued',
      queue: { position: 1 },
    })
    await remove(uuid)
  })
})
