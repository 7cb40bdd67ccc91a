import type { Event } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FakeHost } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { chargeOf, formatCharge } from './money.ts'

const rtx = 'NVIDIA GeForce RTX 4090'
const price = '1.49'
const minuteMs = 60_000
let api: TestApi
let host: FakeHost

beforeEach(async () => {
  api = await startTestApi()
  // At noon, so that what is short is of one day and month.
  const noon = new Date('2030-05-20T12:00:00Z').getTime()
  api.clock.advance(noon - api.clock.now().getTime())
  host = await api.startHost('one', Array(8).fill(rtx))
})
afterEach(() => api[Symbol.asyncDispose]())

const deploy = (gpuCount = 1) =>
  api.client.containers.create({ body: { image: 'x', gpu_type: rtx, gpu_count: gpuCount } })
const team = async () => ({ uuid: (await api.client.account.get()).team.uuid })
const billing = async () => (await api.client.account.get()).billing

/** Time goes on, after which the host says that all is as it was. */
async function pass(minutes: number) {
  api.clock.advance(minutes * minuteMs)
  await host.report()
}

const grouped = async (by: 'day' | 'container' | 'gpu-type') => {
  const query = { by, from: '2030-01-01T00:00:00Z', to: '2030-12-31T00:00:00Z' }
  return api.client.account.usage({ query })
}

describe('a container with cards', () => {
  it('is charged from running to stopped, at the price of its start', async () => {
    const { uuid } = await deploy(2)
    await pass(5)
    expect(await billing()).toMatchObject({ month_to_date: '0.00', per_hour: '0.00' })
    await host.converge()
    await api.client.admin.gpuTypes.setPrice({ params: { name: rtx }, body: { price_per_hour: '9.99' } })
    await pass(30)
    expect(await billing()).toMatchObject({ month_to_date: '1.49', per_hour: '2.98', balance: '-1.49' })
    await api.client.containers.stop({ params: { uuid } })
    await pass(30)
    // Its host has not said yet that it has stopped.
    expect(await billing()).toMatchObject({ month_to_date: '2.98' })
    await host.converge()
    await pass(30)
    expect(await billing()).toMatchObject({ month_to_date: '2.98', per_hour: '0.00' })
    await api.client.containers.start({ params: { uuid } })
    await host.converge()
    expect(await billing()).toMatchObject({ per_hour: '19.98' })
    await pass(6)
    await api.client.containers.remove({ params: { uuid } })
    await host.converge()
    expect(await grouped('container')).toMatchObject({
      total: '4.978',
      items: [{ key: uuid, gpu_seconds: 2 * 66 * 60, charge: '4.978' }],
    })
  })

  it('is charged for nothing of which its host was not heard', async () => {
    await deploy()
    await host.converge()
    await pass(60)
    const [known] = host.facts.keys()
    api.clock.advance(120 * minuteMs)
    expect(await billing()).toMatchObject({ month_to_date: price })
    host.facts.set(known ?? '', { ...host.facts.get(known ?? ''), state: 'exited', exit_code: 0 } as never)
    await host.report()
    expect(await billing()).toMatchObject({ month_to_date: price, per_hour: '0.00' })
  })

  it('is charged until its host was heard last, where an operator declares that dead', async () => {
    await deploy()
    await host.converge()
    await pass(60)
    api.clock.advance(120 * minuteMs)
    const { items } = await api.client.hosts.list({})
    await api.client.hosts.fence({ params: { uuid: items[0]?.uuid ?? '' } })
    expect(await billing()).toMatchObject({ month_to_date: price, per_hour: '0.00' })
  })

  it('without a card costs nothing', async () => {
    await api.client.containers.create({ body: { image: 'x' } })
    await host.converge()
    await pass(60)
    expect((await grouped('container')).items).toEqual([])
  })
})

it('is told by day in UTC, container and type, each with the same sum', async () => {
  await deploy()
  await deploy(3)
  await host.converge()
  await pass(14 * 60)
  const byDay = await grouped('day')
  expect(byDay.items).toEqual([
    { key: '2030-05-20', name: '2030-05-20', gpu_seconds: 4 * 12 * 3600, charge: '71.52' },
    { key: '2030-05-21', name: '2030-05-21', gpu_seconds: 4 * 2 * 3600, charge: '11.92' },
  ])
  const totals = [byDay.total, (await grouped('container')).total, (await grouped('gpu-type')).total]
  expect(new Set(totals)).toEqual(new Set(['83.44']))
  expect((await api.stranger.account.usage({})).items).toEqual([])
})

it.each([
  ['the end before the start', { from: '2030-02-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }],
  ['more than a year', { from: '2028-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }],
  ['what is no time', { from: 'yesterday' }],
])('refuses %s', async (_what, query) => {
  await expect(api.client.account.usage({ query })).rejects.toMatchObject({ code: 'invalid_request' })
})

it.each([
  'update usage_intervals set price_per_hour = 0',
  'update usage_intervals set started_at = now() where ended_at is null',
  'delete from usage_intervals',
  'truncate usage_intervals',
  'update credits set amount = 1000000',
  'delete from credits',
])('what is written down stays: %s', async (statement) => {
  await deploy()
  await host.converge()
  const body = { amount: '1', note: '' }
  await api.client.admin.credits.add({ params: await team(), body })
  await expect(api.database.sql.unsafe(statement)).rejects.toThrow('is append-only')
})

describe('a prepaid team', () => {
  const credit = async (amount: string) =>
    api.client.admin.credits.add({ params: await team(), body: { amount, note: 'for tests' } })
  const billingEvents = async (): Promise<Event[]> => {
    const found: Event[] = []
    for await (const event of await api.client.events.ofTeam({ query: { type: 'billing' } }))
      found.push(event)
    return found
  }
  const status = async (uuid: string) => api.client.containers.get({ params: { uuid } })

  beforeEach(async () => {
    await api.client.admin.teams.update({ params: await team(), body: { prepaid: true } })
  })

  it('deploys what costs once it has credit, and what costs nothing always', async () => {
    await expect(deploy()).rejects.toMatchObject({ code: 'balance_exhausted', status: 402, exitCode: 6 })
    expect((await api.client.containers.create({ body: { image: 'x' } })).status).toBe('deploying')
    await credit('10.5')
    expect((await deploy()).status).toBe('deploying')
    await credit('-10.5')
    await expect(deploy()).rejects.toMatchObject({ details: { balance: '0.00' } })
    expect(await api.client.admin.credits.list({ params: await team() })).toMatchObject({
      items: [{ amount: '-10.50' }, { amount: '10.50' }],
      balance: '0.00',
    })
  })

  it('is warned when nothing is left, and then stopped', async () => {
    await credit(price)
    const { uuid } = await deploy()
    await host.converge()
    await pass(59)
    await api.sweep()
    expect(await billingEvents()).toEqual([])
    await pass(1)
    await api.sweep()
    await api.sweep()
    const [warning, ...others] = await billingEvents()
    expect(others).toEqual([])
    expect(warning).toMatchObject({ container_uuid: uuid, reason: 'balance_exhausted' })
    expect(warning?.message).toContain((await billing()).stops_at)
    await pass(9)
    await api.sweep()
    expect((await status(uuid)).status).toBe('running')
    await pass(1)
    await api.sweep()
    expect((await status(uuid)).status).toBe('stopping')
    await host.converge()
    expect(await status(uuid)).toMatchObject({
      status: 'stopped',
      status_reason: { code: 'balance_exhausted' },
      next_step: expect.stringContaining('credits') as string,
    })
    await expect(api.client.containers.start({ params: { uuid } })).rejects.toMatchObject({
      code: 'balance_exhausted',
    })
    await expect(api.client.containers.redeploy({ params: { uuid } })).rejects.toMatchObject({
      code: 'balance_exhausted',
    })
    await credit('5')
    expect((await api.client.containers.start({ params: { uuid } })).status).toBe('starting')
  })

  it('goes on when credit comes in time', async () => {
    await credit(price)
    const { uuid } = await deploy()
    await host.converge()
    await pass(61)
    await api.sweep()
    expect((await billing()).exhausted_at).not.toBeNull()
    await credit('100')
    await api.sweep()
    expect(await billing()).toMatchObject({ exhausted_at: null, stops_at: null })
    await pass(30)
    await api.sweep()
    expect((await status(uuid)).status).toBe('running')
    expect((await billingEvents()).map(({ reason }) => reason)).toEqual(['balance_exhausted', null])
  })

  it('is not given what it waits in line for while nothing is left', async () => {
    await credit(price)
    const first = await deploy(8)
    await host.converge()
    const waiting = await api.client.containers.create({ body: { image: 'x', gpu_type: rtx, queue: true } })
    await pass(10)
    await api.sweep()
    await api.client.containers.remove({ params: { uuid: first.uuid } })
    await host.converge()
    await api.sweep()
    expect((await status(waiting.uuid)).status).toBe('queued')
    const theirs = await api.stranger.containers.create({ body: { image: 'x', gpu_type: rtx } })
    expect(theirs.status).toBe('deploying')
    await credit('100')
    await api.sweep()
    await api.sweep()
    expect((await status(waiting.uuid)).status).toBe('deploying')
  })
})

/** A small generator of numbers that the seed decides. */
function createRandom(seed: number) {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

it.each([1, 2, 3, 4, 5, 6])(
  'the sum of all charges is that of the intervals, whatever restarts and clocks do (%i)',
  async (seed) => {
    const random = createRandom(seed)
    const containers = await Promise.all([deploy(1), deploy(2), deploy(4)])
    await host.converge()
    const counts = new Map(containers.map(({ uuid, gpu_count: count }) => [uuid, count]))
    const prices = [price]
    /** What is open, by container, and what all that was closed has cost. */
    const open = new Map(containers.map(({ uuid }) => [uuid, { at: api.clock.now().getTime(), price }]))
    let closed = 0n
    let heardAt = api.clock.now().getTime()

    const report = async (act: () => Promise<void>) => {
      const now = api.clock.now().getTime()
      const wasSilent = now - heardAt > 45_000
      await act()
      for (const [uuid, count] of counts) {
        const runs = host.facts.get(uuid)?.state === 'running'
        const span = open.get(uuid)
        if (runs && !span) open.set(uuid, { at: now, price: prices.at(-1) ?? price })
        if (runs || !span) continue
        const end = Math.max(span.at, wasSilent ? heardAt : now)
        closed += chargeOf(end - span.at, count, span.price)
        open.delete(uuid)
      }
      heardAt = now
    }
    const any = () => containers[random(containers.length)]?.uuid ?? ''
    const steps = [
      async () => report(() => host.report()),
      async () => report(() => host.converge()),
      async () => api.clock.advance(random(50_000)),
      async () => api.clock.advance(random(20 * minuteMs)),
      async () => api.clock.setBack(random(30_000)),
      async () => void (await api.client.containers.stop({ params: { uuid: any() } }).catch(() => {})),
      async () => void (await api.client.containers.start({ params: { uuid: any() } }).catch(() => {})),
      async () => void (await api.client.containers.restart({ params: { uuid: any() } }).catch(() => {})),
      async () => {
        const uuid = any()
        const facts = host.facts.get(uuid)
        if (facts?.state === 'running') host.facts.set(uuid, { ...facts, state: 'exited', exit_code: 1 })
      },
      async () => {
        // Another run of the agent says hello; its reports count from now on.
        await host.restart(randomUUID())
        heardAt = api.clock.now().getTime()
      },
      async () => {
        prices.push(`${1 + random(9)}.${String(random(10_000)).padStart(4, '0')}`)
        const body = { price_per_hour: prices.at(-1) ?? price }
        await api.client.admin.gpuTypes.setPrice({ params: { name: rtx }, body })
      },
    ]
    for (let n = 0; n < 60; n++) await steps[random(steps.length)]?.()

    const now = api.clock.now().getTime()
    const running = [...open].reduce((sum, [uuid, span]) => {
      const end = Math.max(span.at, Math.min(now, heardAt))
      return sum + chargeOf(end - span.at, counts.get(uuid) ?? 0, span.price)
    }, 0n)
    const sum = formatCharge(closed + running)
    const totals = await Promise.all((['day', 'container', 'gpu-type'] as const).map(grouped))
    expect(totals.map(({ total }) => total)).toEqual([sum, sum, sum])
    expect((await billing()).balance).toBe(sum === '0.00' ? sum : `-${sum}`)
  },
)
