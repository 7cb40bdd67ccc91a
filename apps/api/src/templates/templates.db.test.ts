import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import type { FakeHost } from '../../test/fake-host.ts'
import { seedTemplates } from './seed.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let host: FakeHost

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [rtx, rtx])
})
afterAll(() => api[Symbol.asyncDispose]())

const names = async (client = api.client) =>
  (await client.templates.list({ query: { limit: 200 } })).items.map(({ name }) => name)

describe('a template of a team', () => {
  it('is made, deployed with its fields, changed and deleted', async () => {
    const template = await api.client.templates.create({
      body: {
        name: 'trainer',
        type: 'gpu',
        image: 'ghcr.io/team/trainer:2',
        ports: [8888, 8888],
        env: { MODE: 'fast', SEED: '1' },
        memory_bytes: 8 * 2 ** 30,
        disk_bytes: 2 ** 30,
        min_gpu_memory_bytes: 20 * 2 ** 30,
        command: 'train --all',
      },
    })
    expect(template).toMatchObject({
      shared: false,
      ports: [8888],
      command: ['/bin/sh', '-c', 'train --all'],
    })
    const body = { template: 'trainer', gpu_type: rtx, name: 'run', env: { SEED: '2' } }
    const { uuid } = await api.client.containers.create({ body })
    await host.pull()
    expect(host.target.containers.find((one) => one.uuid === uuid)).toMatchObject({
      image: 'ghcr.io/team/trainer:2',
      env: { MODE: 'fast', SEED: '2' },
      command: ['/bin/sh', '-c', 'train --all'],
      memory_bytes: 8 * 2 ** 30,
    })
    const adopted = await api.client.containers.create({ body: { ...body, if_exists: 'adopt' } })
    expect(adopted).toMatchObject({ uuid, disk_bytes: 2 ** 30 })

    const params = { uuid: template.uuid }
    const changed = await api.client.templates.update({
      params,
      body: { min_gpu_memory_bytes: 40 * 2 ** 30, command: null },
    })
    expect(changed).toMatchObject({ command: null, ports: [8888], env: { MODE: 'fast', SEED: '1' } })
    await expect(
      api.client.containers.create({ body: { template: 'trainer', gpu_type: rtx } }),
    ).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining('40 GiB') as string })
    await api.client.templates.remove({ params })
    await expect(api.client.containers.create({ body: { template: 'trainer' } })).rejects.toMatchObject({
      code: 'template_not_found',
    })
    await api.client.templates.create({ body: { name: 'trainer', type: 'cpu', image: 'x' } })
  })

  it('names volumes of the team that deploys it, which a deployment may exchange', async () => {
    for (const name of ['data', 'mine']) {
      await api.client.volumes.create({ body: { name, size_bytes: 2 ** 30 } })
    }
    const body = { name: 'with-data', type: 'cpu', image: 'x' } as const
    const template = await api.client.admin.templates.create({
      body: {
        ...body,
        volumes: [
          { name: 'data', mount_path: '/data/' },
          { name: 'data', mount_path: '/models', read_only: true },
        ],
      },
    })
    expect(template.volumes).toEqual([
      { name: 'data', mount_path: '/data', read_only: false },
      { name: 'data', mount_path: '/models', read_only: true },
    ])
    const deployed = await api.client.containers.create({
      body: { template: 'with-data', volumes: [{ name: 'mine', mount_path: '//data' }] },
    })
    expect(deployed.volumes).toMatchObject([
      { name: 'data', mount_path: '/models', read_only: true },
      { name: 'mine', mount_path: '/data', read_only: false },
    ])
    await expect(api.stranger.containers.create({ body: { template: 'with-data' } })).rejects.toMatchObject({
      code: 'volume_not_found',
    })
    await expect(
      api.client.templates.create({
        body: { ...body, volumes: [{ name: 'data', mount_path: '/proc' }] },
      }),
    ).rejects.toMatchObject({ code: 'invalid_request' })
    const emptied = await api.client.admin.templates.update({
      params: { uuid: template.uuid },
      body: { volumes: [] },
    })
    expect(emptied.volumes).toEqual([])
  })

  it('is seen by nobody else, and comes before one of all teams with its name', async () => {
    const body = { name: 'ubuntu-22.04', type: 'cpu', image: 'my/ubuntu:1' } as const
    const own = await api.client.templates.create({ body })
    await expect(api.client.templates.create({ body })).rejects.toMatchObject({
      code: 'template_name_taken',
      exitCode: 5,
    })
    expect((await names()).filter((name) => name === body.name)).toHaveLength(2)
    expect((await names(api.stranger)).filter((name) => name === body.name)).toHaveLength(1)
    const deploy = (client = api.client) => client.containers.create({ body: { template: body.name } })
    expect((await deploy()).image).toBe('my/ubuntu:1')
    expect((await deploy(api.stranger)).image).not.toBe('my/ubuntu:1')
    await expect(api.stranger.containers.create({ body: { template: own.uuid } })).rejects.toMatchObject({
      code: 'template_not_found',
    })
    await expect(
      api.client.templates.create({ body: { ...body, name: 'inside', image: '10.0.0.1:5000/x' } }),
    ).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('comes in pages, each once', async () => {
    const seen: string[] = []
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await api.client.templates.list({ query: { limit: 1, ...(cursor && { cursor }) } })
      seen.push(...page.items.map(({ uuid }) => uuid))
      cursor = page.next_cursor
    }
    expect(seen).toEqual(
      (await api.client.templates.list({ query: { limit: 200 } })).items.map(({ uuid }) => uuid),
    )
    expect(new Set(seen).size).toBe(seen.length)
    await expect(api.client.templates.list({ query: { cursor: 'x' } })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })
})

describe('a template of all teams', () => {
  it('is made by administrators, and only they change it', async () => {
    const body = { name: 'shared', type: 'cpu', image: 'shared:1' } as const
    const { uuid } = await api.client.admin.templates.create({ body })
    expect(await names(api.stranger)).toContain('shared')
    const params = { uuid }
    await expect(api.stranger.templates.update({ params, body: { image: 'evil:1' } })).rejects.toMatchObject({
      code: 'template_not_found',
    })
    await api.client.admin.templates.update({ params, body: { image: 'shared:2' } })
    expect((await api.stranger.templates.get({ params })).image).toBe('shared:2')
  })

  it('that comes with GPULab stays as an administrator has made it, over restarts', async () => {
    const find = async (name: string) =>
      (await api.client.templates.list({ query: { name } })).items.find(({ shared }) => shared)
    const [changed, deleted] = [await find('pytorch-2.1'), await find('tensorflow-2.15')]
    await api.client.admin.templates.update({
      params: { uuid: changed?.uuid ?? '' },
      body: { image: 'mirror/pytorch:9' },
    })
    await api.client.admin.templates.remove({ params: { uuid: deleted?.uuid ?? '' } })
    await seedTemplates({ db: api.database.db, config: api.config })
    expect((await find('pytorch-2.1'))?.image).toBe('mirror/pytorch:9')
    expect(await find('tensorflow-2.15')).toBeUndefined()
    const body = { name: 'tensorflow-2.15', type: 'gpu', image: 'mine:1' } as const
    await api.client.admin.templates.create({ body })
    await seedTemplates({ db: api.database.db, config: api.config })
    expect((await find('tensorflow-2.15'))?.image).toBe('mine:1')
  })
})
