import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx])
})
afterAll(() => api[Symbol.asyncDispose]())

const show = (uuid: string) => api.client.containers.get({ params: { uuid } })
const deploy = () => api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
const leases = async () => (await api.database.sql`select 1 from gpu_leases where released_at is null`).length
async function remove(uuid: string) {
  await api.client.containers.remove({ params: { uuid } })
  await host.converge()
}

describe('a report', () => {
  it('that is late or comes twice changes nothing', async () => {
    const { uuid } = await deploy()
    await host.pull()
    const early = { seq: 1_000, containers: [] }
    host.set(uuid, { state: 'running', started_at: '2026-01-01T00:00:00Z' })
    await host.report({ seq: 1_001 })
    expect((await show(uuid)).status).toBe('running')
    await host.report(early)
    await host.report({ seq: 1_001, containers: [] })
    expect((await show(uuid)).status).toBe('running')
    for (let n = 0; n < 3; n++) await host.report({ seq: 2_000 + n })
    await api.client.containers.remove({ params: { uuid } })
    await host.pull()
    host.set(uuid, {})
    await host.report({ seq: 3_000 })
    await expect(show(uuid)).rejects.toMatchObject({ code: 'container_not_found' })
    host.facts.clear()
    host = await restart()
  })

  it('made before the host knew that a container shall go frees no GPU', async () => {
    const { uuid } = await deploy()
    const before = (await host.pull(), host.target.version)
    await api.client.containers.remove({ params: { uuid } })
    host.set(uuid, {})
    await host.report({ target_version: before })
    expect(await leases()).toBe(1)
    expect((await show(uuid)).status).toBe('deleting')
    await host.pull()
    await host.report()
    expect(await leases()).toBe(0)
    await expect(show(uuid)).rejects.toMatchObject({ code: 'container_not_found' })
  })

  it('of a target that we never gave proves nothing: its database was another one', async () => {
    const { uuid } = await deploy()
    await host.pull()
    await api.client.containers.remove({ params: { uuid } })
    host.set(uuid, {})
    await expect(host.report({ target_version: 10_000 })).rejects.toMatchObject({ code: 'hello_missing' })
    expect(await leases()).toBe(1)
    await host.converge()
    expect(await leases()).toBe(0)
  })

  it('of a host whose engine is down proves nothing, and the host gets no more work', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await host.report({ engine: { available: false, version: null, message: 'refused' }, containers: [] })
    expect((await show(uuid)).status).toBe('running')
    expect(await leases()).toBe(1)
    await expect(deploy()).rejects.toMatchObject({ code: 'no_capacity' })
    await host.report()
    await remove(uuid)
    expect(await leases()).toBe(0)
  })

  it('without a container that ran shows it as lost, and never makes it anew', async () => {
    const { uuid } = await deploy()
    await host.converge()
    await host.report({ containers: [] })
    expect(await show(uuid)).toMatchObject({ status: 'failed', status_reason: { code: 'container_lost' } })
    expect((await host.pull()).find((wanted) => wanted.uuid === uuid)?.desired).toBe('absent')
    await remove(uuid)
  })

  it('of a container that runs with other cards than it holds raises the alarm, and frees nothing', async () => {
    const { uuid, gpus } = await deploy()
    await host.converge()
    expect(await mismatches()).toEqual([])
    host.set(uuid, { ...host.facts.get(uuid), gpu_uuids: ['GPU-other'] })
    await host.report()
    await host.report()
    expect(await mismatches()).toEqual([
      `It runs containers with other GPUs than they hold: ${uuid} (has GPU-other, holds ${gpus[0]?.uuid}).`,
    ])
    expect((await show(uuid)).status).toBe('running')
    expect(await leases()).toBe(1)
    await remove(uuid)

    async function mismatches(): Promise<string[]> {
      const { uuid: hostUuid } = (await api.client.hosts.list({ query: { name: 'one' } })).items[0] ?? {}
      const { items } = await api.client.hosts.events({ params: { uuid: hostUuid ?? '' } })
      return items.filter(({ type }) => type === 'gpu_mismatch').map(({ message }) => message)
    }
  })

  it('about a container of another host is ignored', async () => {
    const other = await api.startHost('other')
    const { uuid } = await deploy()
    await host.converge()
    other.set(uuid, { state: 'exited', exit_code: 1, started_at: '2026-01-01T00:00:00Z' })
    other.set(randomUUID(), { state: 'running' })
    await other.report()
    expect((await show(uuid)).status).toBe('running')
    await remove(uuid)
  })
})

/** A new run of the agent on the same host. */
async function restart(): Promise<FakeHost> {
  await host.hangUp()
  return api.startHost('one', [rtx])
}

describe('a new run of the agent', () => {
  it('replaces the old one, whose reports are refused', async () => {
    const old = host
    host = await restart()
    await expect(old.report()).rejects.toMatchObject({ code: 'boot_replaced' })
    await host.report()
  })

  it('is not replaced by an old one whose hello comes late', async () => {
    const late = host
    host = await restart()
    await expect(late.hello()).rejects.toMatchObject({ code: 'boot_replaced' })
    await expect(late.hello(randomUUID())).rejects.toMatchObject({ code: 'boot_replaced' })
    await expect(late.report()).rejects.toMatchObject({ code: 'boot_replaced' })
    await host.report()
  })

  it('may say hello again without its reports starting over', async () => {
    await host.hello()
    await host.report({ seq: 1, engine: { available: false, version: null, message: 'stale' } })
    expect((await api.client.gpus.getType({ params: { name: rtx } })).available).toBe(1)
  })
})

describe('the target', () => {
  it('says of which containers a run is known, so that a new agent makes none of them anew', async () => {
    const { uuid } = await deploy()
    const hasRun = async () => (await host.pull()).find((wanted) => wanted.uuid === uuid)?.has_run
    expect(await hasRun()).toBe(false)
    await host.converge()
    expect(await hasRun()).toBe(true)
    // In its place while a step is under way nothing is seen of it.
    host.set(uuid, { state: 'pulling', busy: true })
    await host.report()
    expect(await hasRun()).toBe(true)
    await remove(uuid)
  })

  it('comes as soon as it changes', async () => {
    const { version } = (await host.pull(), host.target)
    const waiting = host.control.target.get({ query: { after: version } })
    const { uuid } = await deploy()
    const target = await waiting
    expect(target.version).toBeGreaterThan(version)
    expect(target.containers?.map((wanted) => [wanted.uuid, wanted.desired])).toContainEqual([
      uuid,
      'running',
    ])
    await remove(uuid)
  })

  it('is not told again when the wait brings nothing new', async () => {
    const { version } = (await host.pull(), host.target)
    const { host_uuid: hostUuid } = await host.hello()
    let isOver = false
    const waiting = host.control.target.get({ query: { after: version } }).finally(() => (isOver = true))
    // Woken for nothing, as at the end of the wait.
    await eventually(async () => {
      await api.database.sql`select pg_notify('gpulab_target', ${hostUuid})`
      expect(isOver).toBe(true)
    })
    expect(await waiting).toEqual({ version, containers: null, volumes: [] })
  })
})

describe('a silent host', () => {
  it('makes its containers unreachable until it speaks again', async () => {
    const { uuid } = await deploy()
    await host.converge()
    api.clock.advance(46_000)
    expect(await show(uuid)).toMatchObject({
      status: 'unreachable',
      status_reason: { code: 'host_unreachable' },
    })
    expect(await leases()).toBe(1)
    await expect(api.client.exec.run({ params: { uuid }, body: { command: 'true' } })).rejects.toMatchObject({
      code: 'host_unreachable',
      exitCode: 7,
    })
    await host.report()
    expect((await show(uuid)).status).toBe('running')
    await remove(uuid)
  })
})
