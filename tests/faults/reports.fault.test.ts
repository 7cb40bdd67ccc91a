import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { happeningRules } from './src/operations.ts'
import { readFaultOptions } from './src/options.ts'
import { createRandom } from './src/random.ts'
import { type ReportShuffler, startReportShuffler } from './src/report-shuffler.ts'
import { createSubjectPool } from './src/subject-pool.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

const { isFull, seed } = readFaultOptions(process.env)
const turns = isFull ? 10 : 2

let system: FaultSystem
let shuffler: ReportShuffler

beforeAll(async () => {
  system = await startFaultSystem({
    gpus: 3,
    agentLink: async (apiPort) => (shuffler = await startReportShuffler(apiPort, createRandom(seed))),
  })
})
afterAll(() => system?.[Symbol.asyncDispose]())

describe('reports that come twice, late and in the wrong order', () => {
  it('change nothing: every operation ends as it was meant to', async () => {
    for (let turn = 0; turn < turns; turn++) {
      const pool = createSubjectPool(system, `turn-${turn}`)
      const [subject] = await pool.take(['stopped'])
      if (!subject) throw new Error('There is no subject.')
      for (const operation of ['start', 'restart', 'stop', 'redeploy'] as const) {
        const rule = happeningRules[operation]
        await rule.ask(system, subject)
        await pool.untilAt(subject, rule.to)
        await untilWell(system)
      }
      if (turn % 2 === 0) await system.parts.agent.kill()
      await happeningRules.remove.ask(system, subject)
      await system.parts.agent.start()
      await untilWell(system)
    }
    expect(shuffler.counts.repeated).toBeGreaterThan(0)
    expect(shuffler.counts.stolen).toBeGreaterThan(0)
  })

  it('resurrect nothing, free nothing and undo nothing when all of them come again', async () => {
    const pool = createSubjectPool(system, 'last')
    await pool.take(['running', 'stopped'])
    await untilWell(system)
    const before = await picture()
    await shuffler.replayAll()
    expect(await picture()).toEqual(before)
    await untilWell(system)
    // Refused for a run of the agent that is over, or taken and ignored; never a failure of the server.
    expect([...shuffler.statuses.keys()].filter((status) => ![204, 409].includes(status))).toEqual([])
  })
})

/** All that reports may change, but for when the host was last heard of. */
async function picture() {
  const { sql } = system
  const [rows, facts, leases] = await Promise.all([
    sql`select * from containers order by uuid`,
    sql`select container_uuid, generation, state, started_at, exit_code from container_facts order by container_uuid`,
    sql`select * from gpu_leases order by id`,
  ])
  return { rows, facts, leases }
}
