import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { describeViolation } from './describe.ts'
import { createPlan } from './plan.ts'
import { runPlan } from './run-seed.ts'
import { runSeeds } from './run-seeds.ts'
import { keepOperations } from './shrink.ts'

const help = `npm run simulate -- [OPTIONS]: the lifecycle in a world of chance, judged

  --seeds N      so many worlds (500)
  --from S       the first seed (1)
  --workers N    so many at a time (one for each core)
  --replay SEED  one world again
  --keep LIST    only these of its operations, by their places
  --trace        every event of it`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '500' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: String(availableParallelism()) },
      replay: { type: 'string' },
      keep: { type: 'string' },
      trace: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return say(help, 0)
  if (values.replay !== undefined) return replay(Number(values.replay), values.keep, values.trace)
  return simulate(Number(values.from), Number(values.seeds), Number(values.workers))
}

function say(text: string, code: number): number {
  process.stdout.write(`${text}\n`)
  return code
}

async function replay(seed: number, keep: string | undefined, traces: boolean): Promise<number> {
  const whole = createPlan(seed)
  const plan = keep === undefined ? whole : keepOperations(whole, keep.split(',').map(Number))
  const { violations } = await runPlan(plan, { trace: traces ? (line) => void say(line, 0) : undefined })
  for (const violation of violations) say(describeViolation(violation), 1)
  return say(`Seed ${seed}: ${violations.length} broken promises`, violations.length === 0 ? 0 : 1)
}

async function simulate(from: number, count: number, workers: number): Promise<number> {
  const began = performance.now()
  const onFailure = (failure: string): void => void say(`${failure}\n`, 1)
  const { length: failed } = await runSeeds({ from, count, workers, onFailure })
  const seconds = (performance.now() - began) / 1000
  const speed = (count / seconds).toFixed(1)
  return say(
    `${count} seeds from ${from}: ${failed} failed, in ${seconds.toFixed(1)} s (${speed} a second)`,
    failed === 0 ? 0 : 1,
  )
}

process.exitCode = await main()
