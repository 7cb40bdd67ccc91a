import type { Event } from '@gpulab/contract'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let host: FakeHost

beforeEach(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx])
})
afterEach(() => api[Symbol.asyncDispose]())

const deploy = () => api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
const show = (uuid: string) => api.client.containers.get({ params: { uuid } })
const leases = async () => (await api.database.sql`select 1 from gpu_leases where released_at is null`).length

/** Lets time pass while the host goes on saying that nothing has changed. */
async function pass(minutes: number) {
  for (let n = 0; n < minutes * 2; n++) {
    api.clock.advance(30_000)
    await host.report()
    await api.sweep()
  }
}
async function statuses(uuid: string): Promise<(string | null)[]> {
  const events: Event[] = []
  for await (const event of await api.client.events.ofContainer({ params: { uuid } })) events.push(event)
  return events.filter(({ type }) => type === 'status').map(({ status }) => status)
}

describe('a passing status ends at its deadline', () => {
  it('as failed when it is not deployed in time, and its card is free once the host has given it up', async () => {
    const { uuid, deadline } = await deploy()
    expect(Date.parse(deadline ?? '') - api.clock.now().getTime()).toBe(1_020_000)
    await host.pull()
    host.set(uuid, { state: 'pulling', busy: true })
    await pass(16)
    expect((await show(uuid)).status).toBe('deploying')
    await pass(2)
    expect(await show(uuid)).toMatchObject({
      status: 'failed',
      status_reason: { code: 'deploy_timeout' },
      deadline: null,
      next_step: expect.stringContaining('redeploy') as string,
    })
    expect(await leases()).toBe(1)
    await host.converge()
    expect(await leases()).toBe(0)
    expect(await statuses(uuid)).toEqual(['deploying', 'failed'])
    // Late words about the attempt that was given up change nothing.
    host.set(uuid, { state: 'running', started_at: '2026-01-01T00:00:00Z' })
    await host.report()
    expect((await show(uuid)).status).toBe('failed')
    expect((await host.pull())[0]?.desired).toBe('stopped')
  })

  it('as failed when it is not stopped in time, and as stopped once it is', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await api.client.containers.stop({ params: { uuid } })
    await pass(3)
    expect(await show(uuid)).toMatchObject({
      status: 'failed',
      status_reason: { code: 'stop_timeout' },
      owner: 'operator',
    })
    expect(await leases()).toBe(1)
    await host.converge()
    expect((await show(uuid)).status).toBe('stopped')
    expect(await leases()).toBe(0)
  })

  it('with a reason when it is not deleted in time, and then is gone for good', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await api.client.containers.remove({ params: { uuid } })
    await pass(3)
    expect(await show(uuid)).toMatchObject({
      status: 'deleting',
      status_reason: { code: 'delete_delayed' },
      deadline: null,
      owner: 'operator',
    })
    await host.converge()
    await expect(show(uuid)).rejects.toMatchObject({ code: 'container_not_found' })
    expect(await statuses(uuid).catch(() => 'hidden')).toBe('hidden')
  })
})

describe('the sweep', () => {
  it('passes over a host that somebody holds, and ends what is overdue elsewhere', async () => {
    const held = await deploy()
    const other = await api.startHost('other', [rtx])
    const { uuid } = await deploy()
    const holder = postgres(api.config.databaseUrl ?? '', { max: 1 })
    const release = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const holding = holder.begin(async (tx) => {
      await tx`select 1 from hosts where name = 'one' for update`
      locked.resolve()
      await release.promise
    })
    await locked.promise
    api.clock.advance(20 * 60_000)
    await other.report()
    await api.sweep()
    expect((await show(uuid)).status).toBe('failed')
    expect((await show(held.uuid)).status).toBe('unreachable')
    release.resolve()
    await holding
    await holder.end()
    await api.sweep()
    expect((await show(held.uuid)).status).toBe('failed')
  })

  it('gives up no restart that a host which is cut off makes by itself', async () => {
    const { uuid } = await api.client.containers.create({
      body: { image: 'x', restart: { policy: 'unless-stopped', max_retries: null } },
    })
    await host.converge()
    host.set(uuid, { ...host.facts.get(uuid), state: 'exited', exit_code: 1, busy: true })
    await host.report()
    expect((await show(uuid)).status).toBe('restarting')
    api.clock.advance(60 * 60_000)
    await api.sweep()
    expect((await show(uuid)).status).toBe('unreachable')
    host.set(uuid, {
      ...host.facts.get(uuid),
      state: 'running',
      started_at: '2030-01-01T00:00:00Z',
      busy: false,
    })
    await host.report()
    expect((await show(uuid)).status).toBe('running')
  })
})

describe('a host that falls silent', () => {
  it('makes its containers unreachable, which users are told, and true again when it is back', async () => {
    const { uuid } = await deploy()
    await host.converge()
    api.clock.advance(46_000)
    await api.sweep()
    await api.sweep()
    expect(await statuses(uuid)).toEqual(['deploying', 'running', 'unreachable'])
    // Heartbeats alone do not do: the whole picture is wanted.
    await expect(host.heartbeat()).rejects.toMatchObject({ code: 'report_needed' })
    await host.report()
    await host.heartbeat()
    expect(await statuses(uuid)).toEqual(['deploying', 'running', 'unreachable', 'running'])
  })

  it('ends a deployment at its deadline all the same', async () => {
    const { uuid } = await deploy()
    api.clock.advance(20 * 60_000)
    await api.sweep()
    expect(await show(uuid)).toMatchObject({ status: 'failed', status_reason: { code: 'deploy_timeout' } })
    expect(await leases()).toBe(1)
    await host.converge()
    expect(await leases()).toBe(0)
  })

  it('keeps a container that was deleted meanwhile, until it is back', async () => {
    const { uuid } = await deploy()
    await host.converge()
    api.clock.advance(60_000)
    await api.client.containers.remove({ params: { uuid } })
    expect(await show(uuid)).toMatchObject({
      status: 'deleting',
      status_reason: { code: 'host_unreachable' },
    })
    await host.converge()
    await expect(show(uuid)).rejects.toMatchObject({ code: 'container_not_found' })
  })
})

describe('a heartbeat', () => {
  it('keeps a host alive', async () => {
    const { uuid } = await deploy()
    await host.converge()
    for (let n = 0; n < 4; n++) {
      api.clock.advance(30_000)
      await host.heartbeat()
    }
    expect((await show(uuid)).status).toBe('running')
  })

  it('of a run that was replaced is refused', async () => {
    await host.hello('00000000-0000-4000-8000-000000000000')
    await expect(host.heartbeat()).rejects.toMatchObject({ code: 'boot_replaced' })
  })
})
