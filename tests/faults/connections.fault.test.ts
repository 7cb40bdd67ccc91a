import type { NetworkFault } from '@gpulab/testing'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { type Happening, happeningRules } from './src/operations.ts'
import { isChosen, readFaultOptions } from './src/options.ts'
import { createSubjectPool, type SubjectPool } from './src/subject-pool.ts'
import { type Link, links } from './src/links.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

/** How long each connection is broken: long enough for every operation to run into it. */
const outageMs = 1500
/** From the end of the outage until all is well. A query or a call to the engine may take as long as it may. */
const healMs: Readonly<Record<Link, number>> = {
  client: 30_000,
  agent: 30_000,
  database: 45_000,
  engine: 45_000,
}

const faults: readonly NetworkFault[] = [
  { kind: 'cut' },
  { kind: 'cut-after', bytes: 0, direction: 'to-server' },
  { kind: 'cut-after', bytes: 100, direction: 'to-server' },
  { kind: 'cut-after', bytes: 0, direction: 'to-client' },
  { kind: 'cut-after', bytes: 100, direction: 'to-client' },
  { kind: 'delay', ms: 200 },
  { kind: 'stall' },
  { kind: 'stall', direction: 'to-client' },
  { kind: 'black-hole' },
  { kind: 'black-hole', direction: 'to-client' },
  { kind: 'half-open', unaware: 'client' },
  { kind: 'half-open', unaware: 'server' },
]
/** What `npm test` tries: what each link is known to meet in real life. */
const short = new Set([
  'client cut-after 100 to-client',
  'agent cut',
  'agent stall',
  'database cut',
  'database black-hole',
  'engine cut',
])

const nameOf = (link: Link, { kind, ...rest }: NetworkFault): string =>
  [link, kind, ...Object.values(rest)].join(' ')
const options = readFaultOptions(process.env)
const scenarios = links
  .flatMap((link) => faults.map((fault) => ({ link, fault, title: nameOf(link, fault) })))
  .filter(({ title }) => (options.isFull ? isChosen(options, title) : short.has(title)))

let system: FaultSystem
let pool: SubjectPool

describe.runIf(scenarios.length > 0)('while operations are under way, a connection is broken', () => {
  beforeAll(async () => {
    system = await startFaultSystem({ proxied: true, clientTimeoutMs: 3000 })
    pool = createSubjectPool(system)
    // Bystanders: whatever is killed, they are to stay as they are.
    await pool.take(['running', 'stopped'])
  })
  afterAll(() => system?.[Symbol.asyncDispose]())

  it.for(scenarios)('$title', async ({ link, fault }) => {
    onTestFailed(async () => void process.stderr.write(await system.tails()))
    const asked: readonly Happening[] = ['create', 'stop', 'restart', 'remove']
    const subjects = await pool.take(asked.map((operation) => happeningRules[operation].from))
    await untilWell(system)
    const { engine } = await system.observe()
    const untouched = engine.filter(({ uuid }) => !subjects.some((subject) => subject.uuid === uuid))

    system.proxies[link].set(fault)
    const answers = asked.map(async (operation, n) => {
      const subject = subjects[n]
      return subject && { ...subject, uuid: await happeningRules[operation].ask(system, subject) }
    })
    await wait(outageMs)
    system.proxies[link].heal()
    const healedAt = performance.now()
    const done = await Promise.all(answers)
    await untilWell(system, { untouched })
    expect(performance.now() - healedAt).toBeLessThan(healMs[link])
    for (const [n, operation] of asked.entries()) {
      const subject = done[n]
      if (subject) pool.give(happeningRules[operation].to, subject)
    }
  })
})
