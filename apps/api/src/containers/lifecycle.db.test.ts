import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx, rtx])
})
afterAll(() => api[Symbol.asyncDispose]())

const statusOf = async (uuid: string) => (await api.client.containers.get({ params: { uuid } })).status
const freeCards = async () => (await api.client.gpus.getType({ params: { name: rtx } })).available

describe('a container', () => {
  it('is deployed, stopped, started, restarted and deleted; its GPU is held only while it may run', async () => {
    const { uuid, status, gpus } = await api.client.containers.create({
      body: { name: 'life', template: 'pytorch-2.1', gpu_type: rtx },
    })
    const params = { uuid }
    expect(status).toBe('deploying')
    expect(gpus).toHaveLength(1)
    expect(await freeCards()).toBe(1)

    await host.converge()
    const running = await api.client.containers.get({ params })
    expect(running).toMatchObject({ status: 'running', host: 'one', simulated: true, exit_code: null })
    expect(host.facts.get(uuid)?.gpu_uuids).toEqual([gpus[0]?.uuid])

    expect((await api.client.containers.restart({ params })).status).toBe('restarting')
    await host.converge()
    const restarted = await api.client.containers.get({ params })
    expect(restarted.status).toBe('running')
    expect(restarted.started_at).not.toBe(running.started_at)

    expect((await api.client.containers.stop({ params })).status).toBe('stopping')
    expect(await freeCards()).toBe(1)
    await host.converge()
    expect(await api.client.containers.get({ params })).toMatchObject({
      status: 'stopped',
      exit_code: 143,
      gpus: [],
    })
    expect(await freeCards()).toBe(2)

    expect(await api.client.containers.start({ params })).toMatchObject({ status: 'starting', gpus })
    expect(await freeCards()).toBe(1)
    await host.converge()
    expect(await statusOf(uuid)).toBe('running')

    await api.client.containers.remove({ params })
    expect(await statusOf(uuid)).toBe('deleting')
    expect(await freeCards()).toBe(1)
    await host.converge()
    await expect(statusOf(uuid)).rejects.toMatchObject({ code: 'container_not_found' })
    expect(await freeCards()).toBe(2)
  })

  it('tells the same again when it is as wanted already', async () => {
    const { uuid } = await api.client.containers.create({ body: { template: 'ubuntu-22.04' } })
    const params = { uuid }
    expect((await api.client.containers.start({ params })).status).toBe('deploying')
    await host.converge()
    expect((await api.client.containers.start({ params })).status).toBe('running')
    await api.client.containers.stop({ params })
    expect((await api.client.containers.stop({ params })).status).toBe('stopping')
    await expect(api.client.containers.restart({ params })).rejects.toMatchObject({
      code: 'container_wrong_state',
    })
    await host.converge()
    expect((await api.client.containers.stop({ params })).status).toBe('stopped')
    await api.client.containers.remove({ params })
    await api.client.containers.remove({ params })
    await host.converge()
  })

  it('that ends by itself stays as it ended and gives its GPU back', async () => {
    const { uuid } = await api.client.containers.create({ body: { template: 'pytorch-2.1', gpu_type: rtx } })
    await host.converge()
    host.set(uuid, {
      ...host.facts.get(uuid),
      state: 'exited',
      exit_code: 3,
      finished_at: '2026-01-01T00:00:00Z',
    })
    await host.report()
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject({
      status: 'failed',
      exit_code: 3,
      status_reason: { code: 'exited' },
      gpus: [],
    })
    expect((await host.pull()).find((wanted) => wanted.uuid === uuid)?.desired).toBe('stopped')
    await api.client.containers.start({ params: { uuid } })
    await host.converge()
    expect(await statusOf(uuid)).toBe('running')
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
  })

  it('that cannot be made fails with the reason, once and for all', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'no/such:1', gpu_type: rtx } })
    await host.pull()
    host.set(uuid, {
      failure: { attempt: 1, code: 'image_not_found', message: 'There is no image no/such:1.' },
    })
    await host.report()
    const failed = {
      status: 'failed',
      status_reason: { code: 'image_not_found', message: 'There is no image no/such:1.' },
    }
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject(failed)
    expect(await freeCards()).toBe(2)
    // A restarted agent has forgotten why, and must not try again.
    host.set(uuid, {})
    await host.report()
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject(failed)
    expect((await host.pull()).find((wanted) => wanted.uuid === uuid)?.desired).toBe('absent')
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
  })

  it('whose restart fails stays failed without its GPU, also when a new agent has forgotten why', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
    await host.converge()
    const { started_at: startedAt = null } = host.facts.get(uuid) ?? {}
    await api.client.containers.restart({ params: { uuid } })
    const wanted = (await host.pull()).find((container) => container.uuid === uuid)
    expect(wanted).toMatchObject({ desired: 'running', start_after: startedAt, attempt: 2 })
    const ended = { state: 'exited', started_at: startedAt, exit_code: 137 } as const
    host.set(uuid, { ...ended, failure: { attempt: 2, code: 'gpu_lost', message: 'No\0 GPU.' } })
    await host.report()
    const failed = { status: 'failed', status_reason: { code: 'gpu_lost', message: 'No  GPU.' }, gpus: [] }
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject(failed)
    host.set(uuid, ended)
    await host.report()
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject(failed)
    expect((await host.pull()).find((container) => container.uuid === uuid)?.desired).toBe('stopped')
    expect(await freeCards()).toBe(2)
    expect((await api.client.containers.start({ params: { uuid } })).status).toBe('starting')
    await host.converge()
    expect(await statusOf(uuid)).toBe('running')
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
  })

  it('that was stopped before it was made can be started still', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
    await api.client.containers.stop({ params: { uuid } })
    await host.converge()
    expect(await api.client.containers.get({ params: { uuid } })).toMatchObject({
      status: 'stopped',
      gpus: [],
    })
    expect((await api.client.containers.start({ params: { uuid } })).gpus).toHaveLength(1)
    await host.converge()
    expect(await statusOf(uuid)).toBe('running')
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
  })

  it('cannot start while another one has its card', async () => {
    const first = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
    await host.converge()
    await api.client.containers.stop({ params: first })
    await host.converge()
    const both = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx, gpu_count: 2 } })
    await expect(api.client.containers.start({ params: first })).rejects.toMatchObject({
      code: 'no_capacity',
    })
    expect(await statusOf(first.uuid)).toBe('stopped')
    for (const { uuid } of [first, both]) await api.client.containers.remove({ params: { uuid } })
    await host.converge()
    expect(await freeCards()).toBe(2)
  })
})
