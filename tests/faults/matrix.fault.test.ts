import { afterAll, beforeAll, describe, it, onTestFailed } from 'vitest'
import type { EngineContainer } from './src/checkers.ts'
import { listCases, nameOf, selectShort, toRounds } from './src/matrix.ts'
import { isChosen, readFaultOptions } from './src/options.ts'
import { createRandom } from './src/random.ts'
import { runRound } from './src/run-round.ts'
import { createSubjectPool, type SubjectPool } from './src/subject-pool.ts'
import { type FaultSystem, startFaultSystem } from './src/system.ts'
import { untilWell } from './src/until-well.ts'

const options = readFaultOptions(process.env)
const random = createRandom(options.seed)
const all = listCases()
const cases = (options.isFull ? all : selectShort(all, random)).filter((each) =>
  isChosen(options, nameOf(each)),
)
const rounds = toRounds(cases, random)

let system: FaultSystem
let pool: SubjectPool
let bystanders: readonly EngineContainer[]

describe.runIf(rounds.length > 0)('a process that is killed at a fail point', () => {
  beforeAll(async () => {
    system = await startFaultSystem({ gpus: 40 })
    pool = createSubjectPool(system)
    // Bystanders: whatever is killed, they are to stay as they are.
    await pool.take(['running', 'stopped'])
    await untilWell(system)
    bystanders = (await system.observe()).engine
  })
  afterAll(() => system?.[Symbol.asyncDispose]())

  it.for(rounds.map((round) => ({ round, title: round.cases.map(nameOf).join(' ') })))(
    '$title',
    async ({ round }) => {
      onTestFailed(async () => void process.stderr.write(await system.tails()))
      await runRound(system, round, pool)
    },
  )

  it('leaves those whom nobody has asked anything as they were', () =>
    untilWell(system, { untouched: bystanders }))
})
