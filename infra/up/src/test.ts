import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkout } from './checkout.ts'
import { formatSeconds } from './progress.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'
import { addCounts, countTests, noTests, type TestCounts } from './test-counts.ts'

const bin = join(checkout, 'node_modules/.bin')

/** Steps that read the sources, and the projects of vitest.config.ts; "smoke" runs the whole system. */
const checks: Record<string, readonly string[]> = {
  lint: [join(bin, 'oxlint'), '--type-aware', '--deny-warnings'],
  format: [join(bin, 'oxfmt'), '--check'],
  types: ['npx', '--yes', await readPackageManager(), 'run', 'typecheck'],
  knip: [join(bin, 'knip')],
  sherif: [join(bin, 'sherif')],
}
const projects = ['unit', 'db', 'docker', 'e2e', 'faults']
const smoke = ['npm', 'run', '--silent', 'up', '--', '--smoke']
const all = [...Object.keys(checks), ...projects, 'smoke']

const help = `npm test [-- OPTIONS] [FILTER...]: run everything that the project promises

  --only LIST    some steps: ${all.join(',')}
  FILTER         only test files with this in their path`

interface Outcome {
  step: string
  passed: boolean
  ms: number
  counts: TestCounts
}

async function main(signal: AbortSignal): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  })
  if (values.help) {
    process.stdout.write(`${help}\n`)
    return 0
  }
  const steps = values.only?.split(',') ?? (positionals.length > 0 ? projects : all)
  const unknown = steps.find((step) => !all.includes(step))
  if (unknown !== undefined)
    throw new Error(`There is no step "${unknown}"; the steps are ${all.join(', ')}.`)

  const outcomes: Outcome[] = []
  {
    await using sandbox = await openSandbox()
    const env = {
      ...process.env,
      CI: 'true',
      DO_NOT_TRACK: '1',
      ...(!process.stdout.isTTY && { NO_COLOR: '1' }),
      TMPDIR: sandbox.folder,
      PATH: `${bin}:${process.env['PATH']}`,
    }
    for (const step of steps) {
      signal.throwIfAborted()
      process.stdout.write(`\n── ${step}\n`)
      const since = performance.now()
      const report = join(sandbox.folder, `${step}.json`)
      const [command = '', ...args] = toCommand(step, report, positionals)
      const code = await runStep(command, args, { cwd: checkout, env, signal })
      const counts = projects.includes(step) ? await countTests(report) : noTests
      outcomes.push({ step, passed: code === 0, ms: performance.now() - since, counts })
    }
  }
  signal.throwIfAborted()
  return summarize(outcomes)
}

function toCommand(step: string, report: string, filters: readonly string[]): readonly string[] {
  if (step === 'smoke') return smoke
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const vitest = [
    join(bin, 'vitest'),
    'run',
    '--project',
    step,
    '--passWithNoTests',
    ...reporters,
    ...filters,
  ]
  return checks[step] ?? vitest
}

function summarize(outcomes: readonly Outcome[]): number {
  const lines = outcomes.map(({ step, passed, ms, counts }) => {
    const tests =
      counts.passed + counts.failed > 0 ? `   ${counts.passed} passed, ${counts.failed} failed` : ''
    return `${passed ? '✓' : '✗'} ${step.padEnd(10)}${formatSeconds(ms).padStart(10)}${tests}`
  })
  const total = addCounts(outcomes.map(({ counts }) => counts))
  process.stdout.write(`\n${lines.join('\n')}\n\n${total.passed} passed, ${total.failed} failed\n`)
  return outcomes.every(({ passed }) => passed) ? 0 : 1
}

async function readPackageManager(): Promise<string> {
  const text = await readFile(join(checkout, 'package.json'), 'utf8')
  return (JSON.parse(text) as { packageManager: string }).packageManager
}

await runProgram(main)
