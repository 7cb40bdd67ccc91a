import { GpulabError } from '@gpulab/contract'
import { callEngineJson } from '@gpulab/images'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest'
import { findFaults } from './src/checkers.ts'
import { links } from './src/links.ts'
import { deploy, happeningRules, remove } from './src/operations.ts'
import { readFaultOptions } from './src/options.ts'
import { victims } from './src/part.ts'
import { createRandom, pick } from './src/random.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

const { isFull, seed } = readFaultOptions(process.env)
const stormMs = isFull ? 180_000 : 12_000
const users = 4
const names = ['anchor', 'buoy', 'cable', 'dock', 'ebb', 'flood']

let system: FaultSystem

beforeAll(async () => {
  // Fewer cards than names: whoever is late waits in line, and cards go from hand to hand.
  system = await startFaultSystem({ gpus: 3, proxied: true, clientTimeoutMs: 3000 })
})
afterAll(() => system?.[Symbol.asyncDispose]())

/** What a user may be told without anything being wrong. */
const refusals = new Set([
  'container_name_taken',
  'container_not_found',
  'container_wrong_state',
  'no_capacity',
  'host_unreachable',
])

it(
  'whatever is asked and whatever breaks, all ends well',
  async () => {
    onTestFailed(async () => void process.stderr.write(await system.tails()))
    const until = performance.now() + stormMs
    const random = createRandom(seed)
    const seeds = Array.from({ length: users }, () => Math.floor(random() * 2 ** 32))
    await Promise.all([
      ...seeds.map((own) => useIt(createRandom(own), until)),
      breakIt(createRandom(seed + 1), until),
    ])
    await untilWell(system, { timeoutMs: 90_000 })
    expect(system.gpuWatch.samples()).toBeGreaterThan(stormMs / 2000)
  },
  stormMs + 240_000,
)

it('what must never be would have been seen', async () => {
  const { gpuWatch, observe } = system
  expect(gpuWatch.violations).toEqual([])
  await Promise.all([shareCard(), shareCard()])
  await eventually(() => expect(gpuWatch.violations.join()).toMatch(/is in use twice/))
  const faults = findFaults(await observe()).join('\n')
  expect(faults).toMatch(/belongs to no row/)
  expect(faults).toMatch(/without a lease/)
})

/** Past agent and API: a container with our label that runs with the first card. */
async function shareCard(): Promise<void> {
  const { dockerHost, image, sql } = system
  const [card] = await sql<{ uuid: string }[]>`select uuid from gpus order by index limit 1`
  const json = {
    Image: image,
    Cmd: ['sleep', '1000'],
    Labels: { 'ai.gpulab.container': randomUUID(), 'ai.gpulab.generation': '1' },
    HostConfig: {
      DeviceRequests: [{ Driver: 'nvidia', DeviceIDs: [card?.uuid], Capabilities: [['gpu']] }],
    },
  }
  const { Id } = await callEngineJson<{ Id: string }>(dockerHost, '/containers/create', {
    method: 'POST',
    json,
  })
  await callEngineJson(dockerHost, `/containers/${Id}/start`, { method: 'POST' })
}

/** Asks for one thing after the other. */
async function useIt(random: () => number, until: number): Promise<void> {
  while (performance.now() < until) {
    await askForSomething(random).catch((error: unknown) => {
      if (!(error instanceof GpulabError) || !refusals.has(error.code)) throw error
    })
  }
}

async function askForSomething(random: () => number): Promise<void> {
  const name = pick(random, names)
  const { items } = await system.client.containers.list({ query: { name } })
  const [container] = items
  if (!container) return void (await deploy(system, name))
  const action = pick(random, ['stop', 'start', 'restart', 'redeploy', 'remove'] as const)
  if (action === 'remove') await remove(system, container)
  else await happeningRules[action].ask(system, container)
}

/** Breaks one thing after the other, and mends it. */
async function breakIt(random: () => number, until: number): Promise<void> {
  while (performance.now() < until) {
    await wait(random() * 1500)
    if (random() < 0.6) {
      const victim = pick(random, victims)
      await system.parts[victim].kill()
      await wait(random() * 700)
      await system.parts[victim].start()
    } else {
      const proxy = system.proxies[pick(random, links)]
      proxy.set(pick(random, [{ kind: 'cut' }, { kind: 'stall' }, { kind: 'delay', ms: 300 }] as const))
      await wait(random() * 1500)
      proxy.heal()
    }
  }
}
