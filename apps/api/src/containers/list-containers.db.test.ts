import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

let api: TestApi
const names = Array.from({ length: 7 }, (_, n) => `c${n}`)

beforeAll(async () => {
  api = await startTestApi()
  const host = await api.startHost('one')
  for (const name of names) {
    await api.client.containers.create({ body: { name, image: 'x' } })
    api.clock.advance(1)
  }
  await host.converge()
  await api.client.containers.create({ body: { name: 'late', image: 'x' } })
  await api.stranger.containers.create({ body: { name: 'foreign', image: 'x' } })
})
afterAll(() => api[Symbol.asyncDispose]())

async function listAll(query: Record<string, string | number>): Promise<string[]> {
  const found: string[] = []
  let cursor: string | null = null
  do {
    const page = await api.client.containers.list({
      query: { ...query, ...(cursor !== null && { cursor }) },
    })
    found.push(...page.items.map(({ name }) => name))
    cursor = page.next_cursor
  } while (cursor !== null)
  return found
}

describe('the list of containers', () => {
  it('has the newest first, each once however it is paged, and only the own', async () => {
    const wanted = ['late', ...names.toReversed()]
    for (const limit of [1, 3, 8, 50]) expect(await listAll({ limit })).toEqual(wanted)
  })

  it('filters by status and name', async () => {
    expect(await listAll({ limit: 2, status: 'running' })).toEqual(names.toReversed())
    expect(await listAll({ status: 'deploying' })).toEqual(['late'])
    expect(await listAll({ name: 'c3' })).toEqual(['c3'])
    expect(await listAll({ name: 'c' })).toEqual([])
  })

  it('rejects a cursor that is not ours and a status that is none', async () => {
    await expect(listAll({ cursor: 'bogus' })).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(listAll({ status: 'dancing' })).rejects.toMatchObject({ code: 'invalid_request' })
  })
})

describe('templates and GPU types', () => {
  it('are those of the plan, by any part of their name', async () => {
    const all = await api.client.templates.list()
    expect(all.items.map(({ name, type }) => [name, type])).toEqual([
      ['jupyter-minimal', 'gpu'],
      ['pytorch-2.1', 'gpu'],
      ['tensorflow-2.15', 'gpu'],
      ['ubuntu-22.04', 'cpu'],
    ])
    const [found] = (await api.client.templates.list({ query: { name: 'PyTorch' } })).items
    expect(found?.name).toBe('pytorch-2.1')
    expect((await api.client.templates.list({ query: { name: '%' } })).items).toEqual([])
    expect((await api.client.templates.list({ query: { type: 'cpu' } })).items).toHaveLength(1)
    expect(await api.client.templates.get({ params: { uuid: found?.uuid ?? '' } })).toEqual(found)
    const first = await api.client.templates.list({ query: { limit: 3 } })
    expect(
      (await api.client.templates.list({ query: { limit: 3, cursor: first.next_cursor ?? '' } })).items,
    ).toHaveLength(1)
  })

  it('have prices, and what hosts have is counted', async () => {
    await api.startHost('two', ['NVIDIA H100', 'Strange Card'])
    const { items } = await api.client.gpus.listTypes()
    expect(
      items.map(({ name, available, total, price_per_hour: price }) => [name, available, total, price]),
    ).toEqual([
      ['NVIDIA A100', 0, 0, '2.49'],
      ['NVIDIA GeForce RTX 3090', 0, 0, '0.99'],
      ['NVIDIA GeForce RTX 4090', 0, 0, '1.49'],
      ['NVIDIA H100', 1, 1, '4.99'],
      ['Strange Card', 1, 1, null],
    ])
    expect((await api.client.gpus.listTypes({ query: { name: '4090' } })).items).toHaveLength(1)
    await expect(api.client.gpus.getType({ params: { name: 'x' } })).rejects.toMatchObject({
      code: 'gpu_type_not_found',
    })
  })
})

describe('a database that is away', () => {
  it('is 503 at once, and all is well when it is back', async () => {
    await api.database
      .sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`.catch(
      () => {},
    )
    await expect
      .poll(
        () =>
          api.client.account.get().then(
            () => 'ok',
            (error: { code: string }) => error.code,
          ),
        { timeout: 5_000 },
      )
      .toBe('ok')
  })
})
