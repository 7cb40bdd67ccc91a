import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
let api: TestApi
let one: FakeHost
let two: FakeHost

beforeEach(async () => {
  api = await startTestApi()
  one = await api.startHost('one', [rtx, rtx])
  two = await api.startHost('two', [rtx])
})
afterEach(() => api[Symbol.asyncDispose]())

const uuidOf = async (name: string) => (await api.client.hosts.list({ query: { name } })).items[0]?.uuid ?? ''
const cardsOf = async (name: string) =>
  (await api.client.hosts.get({ params: { uuid: await uuidOf(name) } })).gpus
    .filter(({ present }) => present)
    .map(({ uuid }) => uuid)
const counts = async () => {
  const { items } = await api.client.hosts.list({})
  return items.map(({ name, gpus_total: total, gpus_free: free }) => [name, total, free])
}
const raised = () =>
  api.database.sql`
    select message from host_events join hosts on hosts.uuid = host_uuid where type = 'gpus_ignored' and name = 'two'`

describe('a card that another host has', () => {
  beforeEach(() => {
    two.gpus = [...two.gpus, ...one.gpus.slice(0, 1)]
  })

  it('stays where it is as long as that one lives, and is raised', async () => {
    expect(await two.hello()).toMatchObject({ ignored_gpus: ['GPU-one-0'] })
    expect(await two.hello()).toMatchObject({ ignored_gpus: ['GPU-one-0'] })
    expect(await cardsOf('one')).toEqual(['GPU-one-0', 'GPU-one-1'])
    expect(await cardsOf('two')).toEqual(['GPU-two-0'])
    expect(await counts()).toEqual([
      ['one', 2, 2],
      ['two', 1, 1],
    ])
    const events = await raised()
    expect(events).toHaveLength(1)
    expect(events[0]?.['message']).toContain('GPU-one-0 (of one)')
  })

  it.each(['silent', 'fenced', 'removed'])(
    'moves once that one is %s, and both are counted anew',
    async (end) => {
      api.clock.advance(46_000)
      await two.report()
      const params = { uuid: await uuidOf('one') }
      if (end === 'fenced') await api.client.hosts.fence({ params })
      if (end === 'removed') await api.client.hosts.remove({ params })
      expect(await two.hello()).toMatchObject({ ignored_gpus: [] })
      expect(await cardsOf('two')).toEqual(['GPU-two-0', 'GPU-one-0'])
      const free = await api.database.sql`
      select name, total, free from host_gpu_types join hosts on hosts.uuid = host_uuid order by name`
      expect(free).toMatchObject([
        { name: 'one', free: end === 'removed' ? 0 : 1 },
        { name: 'two', total: 2, free: 2 },
      ])
      expect(await raised()).toEqual([])
    },
  )

  it('goes to one of two that list it first at the same time', async () => {
    const card = { ...two.gpus[0]!, uuid: 'GPU-new' }
    one.gpus = [card]
    two.gpus = [card]
    const answers = await Promise.all([one.hello(), two.hello()])
    expect(answers.flatMap(({ ignored_gpus: ignored }) => ignored)).toEqual(['GPU-new'])
    expect([...(await cardsOf('one')), ...(await cardsOf('two'))]).toEqual(['GPU-new'])
  })
})
