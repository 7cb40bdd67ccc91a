import { eventually } from '@gpulab/testing'
import { createClient, api, GpulabError } from '@gpulab/contract'
import { createHttpTransport } from '@gpulab/transport/http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { deploy, happeningRules, remove } from './src/operations.ts'
import { createSubjectPool } from './src/subject-pool.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

const cards = 3

let system: FaultSystem

beforeAll(async () => {
  system = await startFaultSystem({ gpus: cards, replicas: 2, proxied: true, clientTimeoutMs: 5000 })
})
afterAll(() => system?.[Symbol.asyncDispose]())

async function removeAll(): Promise<void> {
  const { items } = await system.client.containers.list({ query: { limit: 200 } })
  await Promise.all(items.map((item) => remove(system, item)))
  await eventually(async () => expect((await system.observe()).rows).toEqual([]), { timeoutMs: 60_000 })
}

// Each begins with all cards free.
afterEach(removeAll)

describe('two APIs over one database', () => {
  it('lease each card once, whoever is asked', async () => {
    const { image, gpuType, client } = system
    const outcomes = await Promise.allSettled(
      Array.from({ length: 4 * cards }, (_, n) => {
        const body = { name: `rush-${n}`, image, gpu_type: gpuType, command: ['sleep', '1000'] }
        return client.containers.create({ body: { ...body, memory_bytes: 32 << 20 } })
      }),
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(cards)
    const refusals = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(outcome.reason as GpulabError).code] : [],
    )
    expect(new Set(refusals)).toEqual(new Set(['no_capacity']))
    await untilWell(system)
  })

  it('do once what both are asked for at the same time with one key', async () => {
    const headers = { 'api-key': system.apiKey, 'idempotency-key': 'asked-of-both' }
    const client = createClient(api, createHttpTransport({ url: system.apiUrl }), { headers })
    const body = { name: 'twin', image: system.image, memory_bytes: 32 << 20, command: ['sleep', '1000'] }
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.containers.create({ body })))
    expect(new Set(answers.map(({ uuid }) => uuid)).size).toBe(1)
    await untilWell(system)
  })

  it('serve one line between them, each place in it once', async () => {
    const names = Array.from({ length: 2 * cards }, (_, n) => `line-${n}`)
    const subjects = await Promise.all(
      names.map(async (name) => ({ name, uuid: await deploy(system, name) })),
    )
    await untilWell(system)
    const running = async () =>
      (await system.client.containers.list({ query: { status: 'running' } })).items.map(({ uuid }) => uuid)
    const first = await eventually(
      async () => {
        const now = await running()
        expect(now).toHaveLength(cards)
        return now
      },
      { timeoutMs: 60_000 },
    )
    await Promise.all(subjects.filter(({ uuid }) => first.includes(uuid)).map((each) => remove(system, each)))
    await eventually(async () => expect(await running()).toHaveLength(cards), { timeoutMs: 60_000 })
    await untilWell(system)
  })

  it('hear of each other what the host shall do', async () => {
    const pool = createSubjectPool(system, 'told')
    const [subject] = await pool.take(['running'])
    if (!subject) throw new Error('There is no subject.')
    // Whichever has the agent's poll, half of these come through the other one.
    for (let turn = 0; turn < 4; turn++) {
      const since = performance.now()
      const { ask, to } = happeningRules[turn % 2 === 0 ? 'stop' : 'start']
      await ask(system, subject)
      await pool.untilAt(subject, to)
      expect(performance.now() - since).toBeLessThan(10_000)
    }
    await untilWell(system)
  })

  it.for([0, 1])('go on when number %i of them is killed in the middle', async (victim) => {
    const pool = createSubjectPool(system, `killed-${victim}`)
    const [running, stopped] = await pool.take(['running', 'stopped'])
    if (!running || !stopped) throw new Error('There are no subjects.')
    const asked = [
      deploy(system, `during-${victim}`),
      happeningRules.restart.ask(system, running),
      happeningRules.start.ask(system, stopped),
    ]
    await system.apis[victim]?.kill()
    await Promise.all(asked)
    await untilWell(system)
    await system.apis[victim]?.start()
  })
})
