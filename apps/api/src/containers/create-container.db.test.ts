import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let hosts: FakeHost[]

beforeAll(async () => {
  api = await startTestApi({ proxyUrl: new URL('http://proxy.localhost:8080') })
  hosts = [await api.startHost('big', [rtx, rtx, rtx, rtx]), await api.startHost('small', [rtx])]
})
afterAll(() => api[Symbol.asyncDispose]())

const rows = async () => {
  const [row] = await api.database.sql`
    select (select count(*)::int from containers) as containers, (select count(*)::int from gpu_leases) as leases,
      (select count(*)::int from events) as events`
  return row
}

describe('succeeds', () => {
  it('with what the template says, where the caller says nothing', async () => {
    const created = await api.client.containers.create({
      body: { template: 'tensorflow-2.15', gpu_type: rtx },
    })
    expect(created).toMatchObject({
      name: expect.stringMatching(/^tensorflow-2\.15-[0-9a-f]{8}$/) as string,
      image: 'tensorflow/tensorflow:2.15.0-gpu',
      type: 'gpu',
      gpu_count: 1,
      memory_bytes: 32 * 2 ** 30,
      command: null,
      ports: {
        8888: `http://${created.uuid}-8888.proxy.localhost:8080`,
        6006: `http://${created.uuid}-6006.proxy.localhost:8080`,
      },
    })
    await api.client.containers.remove({ params: created })
  })

  it('with what the caller says; secrets are masked and stored encrypted', async () => {
    const { uuid } = await api.client.containers.create({
      body: {
        name: 'mine',
        image: 'busybox',
        env: { TOKEN: 'hunter2-hunter2' },
        secrets: { PASSWORD: 'hunter3-hunter3' },
        command: 'echo "$TOKEN"',
        ports: [1, 1],
        cpus: 1.5,
      },
    })
    const shown = await api.client.containers.get({ params: { uuid } })
    expect(shown).toMatchObject({
      env: { TOKEN: '********', PASSWORD: '********' },
      command: ['/bin/sh', '-c', 'echo "$TOKEN"'],
      type: 'cpu',
      gpus: [],
      cpus: 1.5,
    })
    expect(Object.keys(shown.ports)).toEqual(['1'])
    const open = await api.client.containers.get({ params: { uuid }, query: { show_env: 'true' } })
    expect(open.env).toEqual({ TOKEN: 'hunter2-hunter2', PASSWORD: '********' })
    const [row] = await api.database.sql<{ env: Buffer }[]>`select env from containers where uuid = ${uuid}`
    expect(row?.env.toString('latin1')).not.toMatch(/hunter/)
    await api.client.containers.remove({ params: { uuid } })
  })

  it('says which image a stand-in stands for', async () => {
    const created = await api.client.containers.create({ body: { template: 'ubuntu-22.04' } })
    expect(created).toMatchObject({
      image: 'gpulab.invalid/standin/ubuntu:22.04',
      stand_in_for: 'ubuntu:22.04',
    })
    await api.client.containers.remove({ params: created })
  })

  it('leaves whole hosts free, and never leases a card twice however many ask at once', async () => {
    for (const host of hosts) await host.converge()
    const first = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })
    expect(first.host).toBe('small')
    const attempts = await Promise.allSettled(
      Array.from({ length: 12 }, () => api.client.containers.create({ body: { image: 'x', gpu_type: rtx } })),
    )
    const won = attempts.filter((attempt) => attempt.status === 'fulfilled')
    const lost = attempts.filter((attempt) => attempt.status === 'rejected')
    const cards = won.flatMap(({ value }) => value.gpus.map(({ uuid }) => uuid))
    expect(new Set(cards).size).toBe(cards.length)
    expect(won).toHaveLength(4)
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'no_capacity', exitCode: 6 })
    const [twice] = await api.database.sql`
      select gpu_uuid from gpu_leases where released_at is null group by gpu_uuid having count(*) > 1`
    expect(twice).toBeUndefined()
  })
})

describe('rejects', () => {
  it.each([
    ['neither template nor image', {}, 'invalid_request'],
    ['both template and image', { template: 'ubuntu-22.04', image: 'x' }, 'invalid_request'],
    ['a name with a space', { image: 'x', name: 'a b' }, 'invalid_request'],
    ['a variable that is no name', { image: 'x', env: { 'A B': '1' } }, 'invalid_request'],
    ['a NUL in the command', { image: 'x', command: ['a\0b'] }, 'invalid_request'],
    ['a registry by its address', { image: '169.254.169.254/latest/meta-data:1' }, 'invalid_request'],
    ['a registry by its local name in capitals', { image: 'INTRANET/x' }, 'invalid_request'],
    ['an image of no possible name', { image: 'UPPER:x' }, 'invalid_request'],
    ['a NUL in a name', { template: 'a\0' }, 'invalid_request'],
    [
      'more environment than a host can bear',
      { image: 'x', env: { A: 'x'.repeat(131_000), B: 'x'.repeat(131_000), C: 'x'.repeat(1000) } },
      'invalid_request',
    ],
    ['a port out of range', { image: 'x', ports: [70_000] }, 'invalid_request'],
    ['an unknown template', { template: 'nope' }, 'template_not_found'],
    ['an unknown GPU type', { image: 'x', gpu_type: 'RTX 9999' }, 'gpu_type_not_found'],
    ['a type that nobody has', { image: 'x', gpu_type: 'NVIDIA A100' }, 'no_capacity'],
    ['more cards than a host has', { image: 'x', gpu_type: rtx, gpu_count: 9 }, 'no_capacity'],
    ['a number of GPUs of no type', { image: 'x', gpu_count: 2 }, 'invalid_request'],
    ['volumes', { image: 'x', volumes: [{ name: 'v', mount_path: '/v' }] }, 'volume_not_found'],
  ] as const)('%s, and leaves nothing half made', async (_what, body, code) => {
    const before = await rows()
    await expect(api.client.containers.create({ body: body as never })).rejects.toMatchObject({ code })
    expect(await rows()).toEqual(before)
  })

  it('a name that is taken, until its holder is deleted', async () => {
    const { uuid } = await api.client.containers.create({ body: { name: 'taken', image: 'x' } })
    const before = await rows()
    const again = () => api.client.containers.create({ body: { name: 'taken', image: 'x' } })
    await expect(again()).rejects.toMatchObject({
      code: 'container_name_taken',
      hint: expect.stringContaining('taken') as string,
    })
    expect(await rows()).toEqual(before)
    const elsewhere = await api.stranger.containers.create({ body: { name: 'taken', image: 'x' } })
    expect(elsewhere.name).toBe('taken')
    await api.client.containers.remove({ params: { uuid } })
    expect((await again()).uuid).not.toBe(uuid)
  })

  it('everything while no host is alive', async () => {
    api.clock.advance(60_000)
    await expect(api.client.containers.create({ body: { image: 'x' } })).rejects.toMatchObject({
      code: 'no_capacity',
      message: expect.stringContaining('No GPU host') as string,
    })
  })
})
