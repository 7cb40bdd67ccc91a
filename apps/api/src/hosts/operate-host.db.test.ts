import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { randomUUID } from 'node:crypto'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let host: FakeHost
let uuid: string

beforeEach(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx, rtx])
  uuid = (await api.client.hosts.list({})).items[0]?.uuid ?? ''
})
afterEach(() => api[Symbol.asyncDispose]())

const deploy = (fields = {}) =>
  api.client.containers.create({ body: { image: 'x', gpu_type: rtx, ...fields } })
const show = (container: { uuid: string }) => api.client.containers.get({ params: { uuid: container.uuid } })
const act = (name: 'cordon' | 'uncordon' | 'drain' | 'fence') => api.client.hosts[name]({ params: { uuid } })
const events = async () => (await api.client.hosts.events({ params: { uuid } })).items
const leases = async () => (await api.database.sql`select 1 from gpu_leases where released_at is null`).length

describe('a host', () => {
  it('is listed and shown with what it has and holds', async () => {
    const container = await deploy({ name: 'job', cpus: 2 })
    await host.converge()
    const { items } = await api.client.hosts.list({ query: { name: 'one' } })
    expect(items).toMatchObject([
      {
        name: 'one',
        state: 'active',
        gpus_total: 2,
        gpus_free: 1,
        gpu_types: [rtx],
        gpu_counts: { [rtx]: 2 },
        simulated: true,
        cpus_requested: 2,
        containers_count: 1,
      },
    ])
    expect(await api.client.hosts.get({ params: { uuid } })).toMatchObject({
      gpus: [
        { index: 0, container: container.uuid, present: true },
        { index: 1, container: null },
      ],
      containers: [{ name: 'job', team: 'red', status: 'running', gpus: 1 }],
    })
    await expect(api.client.hosts.get({ params: { uuid: randomUUID() } })).rejects.toMatchObject({
      code: 'host_not_found',
    })
  })

  it('that is cordoned keeps what it has and gets nothing new', async () => {
    const container = await deploy()
    await host.converge()
    expect((await act('cordon')).state).toBe('cordoned')
    expect((await act('cordon')).state).toBe('cordoned')
    await expect(deploy()).rejects.toMatchObject({ code: 'no_capacity' })
    expect((await show(container)).status).toBe('running')
    const waiting = await deploy({ queue: true })
    expect((await act('uncordon')).state).toBe('active')
    await api.sweep()
    expect((await show(waiting)).status).toBe('deploying')
  })

  it('that is drained stops what runs, and says why', async () => {
    const container = await deploy()
    await host.converge()
    expect((await act('drain')).state).toBe('draining')
    expect((await show(container)).status).toBe('stopping')
    await host.converge()
    expect(await show(container)).toMatchObject({
      status: 'stopped',
      status_reason: { code: 'host_drained' },
      next_step: expect.stringContaining('redeploy') as string,
    })
    expect(await leases()).toBe(0)
    await expect(api.client.containers.start({ params: container })).rejects.toMatchObject({
      code: 'no_capacity',
    })
    const two = await api.startHost('two', [rtx])
    expect(await api.client.containers.redeploy({ params: container })).toMatchObject({ host: 'two' })
    await two.converge()
    expect((await show(container)).status).toBe('running')
  })

  it('that is watched tells at once when nothing runs on it any more', async () => {
    const container = await deploy()
    await deploy({ gpu_type: undefined })
    await host.converge()
    await act('drain')
    const looks = await api.client.hosts.watch({ params: { uuid } })
    const begun = performance.now()
    const seen: string[] = []
    for await (const { state, containers } of looks) {
      seen.push(`${state} ${containers.filter(({ at_rest: isAtRest }) => isAtRest).length}`)
      if (seen.length === 1) {
        host.set(container.uuid, { ...host.facts.get(container.uuid), state: 'exited', exit_code: 0 })
        await host.pull()
        await host.report()
      } else if (seen.length === 2) await host.converge()
      else if (seen.length === 3) await act('uncordon')
      else break
    }
    expect(seen).toEqual(['draining 0', 'draining 1', 'draining 2', 'active 2'])
    // Not by its looking again every ten seconds.
    expect(performance.now() - begun).toBeLessThan(9000)
  })

  it('that is watched is so until it is removed', async () => {
    const looks = await api.client.hosts.watch({ params: { uuid } })
    let count = 0
    for await (const { state } of looks) {
      expect(state).toBe('active')
      if (count++ === 0) await api.client.hosts.remove({ params: { uuid } })
    }
    expect(count).toBe(1)
    await expect(api.client.hosts.watch({ params: { uuid } })).rejects.toMatchObject({
      code: 'host_not_found',
    })
  })

  it('has a past of thirty days', async () => {
    await act('cordon')
    api.clock.advance(20 * 24 * 3600_000)
    await act('uncordon')
    api.clock.advance(10 * 24 * 3600_000 - 1)
    await api.sweep()
    expect((await events()).map(({ type }) => type)).toEqual(['active', 'cordoned', 'joined'])
    api.clock.advance(2)
    await api.sweep()
    expect((await events()).map(({ type }) => type)).toEqual(['active'])
    await expect(api.client.hosts.events({ params: { uuid: randomUUID() } })).rejects.toMatchObject({
      code: 'host_not_found',
    })
  })

  it('is forgotten only when nothing is on it', async () => {
    const container = await deploy({ name: 'job' })
    await expect(api.client.hosts.remove({ params: { uuid } })).rejects.toMatchObject({
      code: 'host_in_use',
      details: { containers: ['job'] },
    })
    await api.client.containers.remove({ params: container })
    await host.converge()
    await api.client.hosts.remove({ params: { uuid } })
    expect((await api.client.hosts.list({})).items).toEqual([])
    await expect(deploy()).rejects.toMatchObject({ code: 'no_capacity' })
  })
})

describe('a dead host', () => {
  it('is fenced only when it is silent', async () => {
    await expect(act('fence')).rejects.toMatchObject({ code: 'host_wrong_state' })
  })

  it('that is fenced holds no cards, and its containers can go on elsewhere', async () => {
    const [running, stopped, deleted] = [
      await deploy(),
      await deploy({ gpu_type: undefined }),
      await deploy(),
    ]
    await host.converge()
    await api.client.containers.stop({ params: stopped })
    await host.converge()
    api.clock.advance(60_000)
    await api.client.containers.remove({ params: deleted })
    await expect(api.client.containers.redeploy({ params: running })).rejects.toMatchObject({
      code: 'container_wrong_state',
    })
    expect((await act('fence')).state).toBe('fenced')
    expect(await leases()).toBe(0)
    expect(await show(running)).toMatchObject({ status: 'failed', status_reason: { code: 'host_fenced' } })
    expect((await show(stopped)).status).toBe('stopped')
    await expect(show(deleted)).rejects.toMatchObject({ code: 'container_not_found' })
    const two = await api.startHost('two', [rtx])
    expect(await api.client.containers.redeploy({ params: running })).toMatchObject({
      host: 'two',
      generation: 2,
    })
    await two.converge()
    expect((await show(running)).status).toBe('running')

    // It is back, and still runs what was declared dead: it must not take work before that has stopped.
    await host.pull()
    await host.report()
    expect((await show(running)).status).toBe('running')
    await expect(act('uncordon')).rejects.toMatchObject({ code: 'host_wrong_state' })
    // Without its engine it has seen nothing, so nothing has gone.
    await host.report({ engine: { available: false, version: null, message: 'refused' }, containers: [] })
    await expect(act('uncordon')).rejects.toMatchObject({ code: 'host_wrong_state' })
    await host.report()
    const left = (await host.pull()).filter(({ desired }) => desired === 'absent')
    expect(left.map((wanted) => [wanted.uuid, wanted.generation, wanted.env])).toEqual(
      expect.arrayContaining([
        [running.uuid, 1, {}],
        [deleted.uuid, 1, {}],
      ]),
    )
    expect(left).toHaveLength(2)
    await host.converge()
    expect((await act('uncordon')).state).toBe('active')
    expect((await api.client.gpus.getType({ params: { name: rtx } })).available).toBe(2)
  })

  it('stops the containers of before when it is back, and keeps their files', async () => {
    const container = await deploy()
    await host.converge()
    api.clock.advance(60_000)
    await act('fence')
    const [wish] = await host.pull()
    expect(wish).toMatchObject({ uuid: container.uuid, desired: 'stopped', env: {} })
    await host.converge()
    await act('uncordon')
    expect((await api.client.containers.start({ params: container })).status).toBe('starting')
    await host.converge()
    expect((await show(container)).status).toBe('running')
  })

  it('keeps also the files of what may have run there although its time was over', async () => {
    const container = await deploy()
    // It has not heard of it yet. Then it does, and is cut off.
    await host.report()
    api.clock.advance(20 * 60_000)
    await api.sweep()
    expect((await show(container)).status_reason?.code).toBe('deploy_timeout')
    await act('fence')
    expect(await show(container)).toMatchObject({ status: 'failed', status_reason: { code: 'host_fenced' } })
    expect((await host.pull())[0]).toMatchObject({ uuid: container.uuid, desired: 'stopped' })
  })

  it('gives up a container at once that is deleted while it counts as dead', async () => {
    const container = await deploy()
    await host.converge()
    api.clock.advance(60_000)
    await act('fence')
    await api.client.containers.remove({ params: container })
    await expect(show(container)).rejects.toMatchObject({ code: 'container_not_found' })
    expect(await host.pull()).toEqual([])
  })
})

describe('a report of containers that were not placed there', () => {
  it('changes nothing, and is raised', async () => {
    const stray = randomUUID()
    host.set(stray, { state: 'running', started_at: '2026-01-01T00:00:00Z' })
    await host.report()
    await host.report()
    expect((await api.client.hosts.get({ params: { uuid } })).foreign_containers).toEqual([
      { uuid: stray, state: 'running' },
    ])
    const raised = {
      type: 'foreign_containers',
      message: expect.stringContaining(`on it: ${stray}.`) as string,
    }
    expect(await events()).toMatchObject([raised, { type: 'joined' }])
    expect(await host.pull()).toEqual([])
    // However often it comes and goes, and whatever else does.
    for (let n = 0; n < 5; n++) {
      host.facts.clear()
      await host.report()
      host.set(randomUUID(), { state: 'running', started_at: '2026-01-01T00:00:00Z' })
      await host.report()
    }
    expect(await events()).toHaveLength(2)
    api.clock.advance(61_000)
    const others = Array.from({ length: 12 }, () => randomUUID())
    for (const other of others) host.set(other, { state: 'running', started_at: '2026-01-01T00:00:00Z' })
    await host.report()
    expect((await events())[0]?.message).toBe(
      `It has containers that were not placed on it: ${others.slice(0, 10).join(', ')} and 2 more.`,
    )
  })

  it('but elsewhere has it remove what they left behind, and nothing that may be newer', async () => {
    const { uuid: moved } = await deploy()
    await host.converge()
    await act('drain')
    await host.converge()
    const two = await api.startHost('two', [rtx])
    await api.client.containers.redeploy({ params: { uuid: moved } })
    await two.converge()
    const { version } = (await host.pull(), host.target)
    const told = host.control.target.get({ query: { after: version } })
    await host.report()
    expect((await told).containers).toMatchObject([{ uuid: moved, generation: 1, desired: 'absent' }])
    expect((await two.pull())[0]).toMatchObject({ uuid: moved, generation: 2, desired: 'running' })
    await host.converge()
    expect(host.facts.get(moved)?.state).toBe('absent')
    expect((await api.client.hosts.get({ params: { uuid } })).foreign_containers).toEqual([])

    // As after an older backup of the database was restored: only an operator can tell which is the right one.
    for (const generation of [2, 3]) {
      host.set(moved, { state: 'running', started_at: '2026-01-01T00:00:00Z', generation })
      await host.report()
      expect(await host.pull()).toEqual([])
    }
  })
})
