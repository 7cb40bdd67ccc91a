import { open, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { checkout } from './checkout.ts'
import { runInLanes } from './lanes.ts'
import { formatSeconds } from './progress.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'
import { noTests, readReport, type TestReport } from './test-report.ts'

const bin = join(checkout, 'node_modules/.bin')

/** Steps that read the sources, and the projects of vitest.config.ts; "smoke" runs the whole system. */
const checks: Record<string, readonly string[]> = {
  lint: [join(bin, 'oxlint'), '--type-aware', '--deny-warnings'],
  format: [join(bin, 'oxfmt'), '--check'],
  types: ['npx', '--yes', await readPackageManager(), 'run', 'typecheck'],
  knip: [join(bin, 'knip')],
  sherif: [join(bin, 'sherif')],
}
// The longest first: two steps run at a time.
const projects = ['e2e', 'docker', 'unit', 'db', 'faults']
const smoke = ['npm', 'run', '--silent', 'up', '--', '--smoke']
const all = [...Object.keys(checks), ...projects, 'smoke']
// Each has a database and an engine of its own, and much of its time is waiting.
const atOnce = 2
/** So many files may owe their failure to chance; more are broken. */
const mostAgain = 3

const help = `npm test [-- OPTIONS] [FILTER...]: run everything that the project promises

  --only LIST    some steps: ${all.join(',')}
  FILTER         only test files with this in their path`

interface Outcome {
  readonly step: string
  readonly passed: boolean
  readonly ms: number
  readonly report: TestReport
  /** Test files that failed, and passed when they were run again. */
  readonly flaky: readonly string[]
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

  const outcomes = await runSteps(steps, positionals, signal)
  signal.throwIfAborted()
  const passed = summarize(outcomes)
  if (positionals.length === 0 || hasTests(outcomes)) return passed
  process.stdout.write(`No test file has ${positionals.join(' or ')} in its path.\n`)
  return 1
}

const hasTests = (outcomes: readonly Outcome[]): boolean =>
  outcomes.some(({ report: { passed, failed } }) => passed + failed > 0)

async function runSteps(
  steps: readonly string[],
  filters: readonly string[],
  signal: AbortSignal,
): Promise<Outcome[]> {
  await using sandbox = await openSandbox()
  const env = {
    ...process.env,
    CI: 'true',
    DO_NOT_TRACK: '1',
    ...(!process.stdout.isTTY && { NO_COLOR: '1' }),
    TMPDIR: sandbox.folder,
    PATH: `${bin}:${process.env['PATH']}`,
  }
  const run = async (step: string, files: readonly string[], isAlone: boolean): Promise<Outcome> => {
    signal.throwIfAborted()
    const since = performance.now()
    const file = join(sandbox.folder, `${step}.json`)
    const [command = '', ...args] = toCommand(step, file, files)
    const runWith = (output?: number): Promise<number> =>
      runStep(command, args, { cwd: checkout, env, signal, ...(output !== undefined && { output }) })
    const code = isAlone ? await runWith() : await runAside(step, sandbox.folder, runWith)
    const report = projects.includes(step) ? await readReport(file) : noTests
    return { step, passed: code === 0, ms: performance.now() - since, report, flaky: [] }
  }
  const outcomes = await runInLanes(steps, atOnce, (step) => run(step, filters, steps.length === 1))
  const settled: Outcome[] = []
  for (const outcome of outcomes) settled.push(await settle(outcome, run))
  return settled
}

/** Few files that failed are run once more, with nothing beside them; the summary names those that passed then. */
async function settle(
  first: Outcome,
  run: (step: string, files: readonly string[], isAlone: boolean) => Promise<Outcome>,
): Promise<Outcome> {
  const files = first.report.failedFiles.map((file) => relative(checkout, file))
  if (files.length === 0 || files.length > mostAgain) return first
  process.stdout.write(`\n── ${first.step}, once more: ${files.join(', ')}\n`)
  const again = await run(first.step, files, true)
  const { passed, failed } = first.report
  const ms = first.ms + again.ms
  return again.passed
    ? { ...again, ms, report: { passed: passed + failed, failed: 0, failedFiles: [] }, flaky: files }
    : { ...first, ms }
}

/** Shows what a step prints when it has ended: it would be mixed with what others print. */
async function runAside(
  step: string,
  folder: string,
  run: (output: number) => Promise<number>,
): Promise<number> {
  const file = join(folder, `${step}.log`)
  process.stdout.write(`▸ ${step}\n`)
  await using log = await open(file, 'w')
  const code = await run(log.fd)
  process.stdout.write(`\n── ${step}\n${await readFile(file, 'utf8')}\n`)
  return code
}

function toCommand(step: string, report: string, filters: readonly string[]): readonly string[] {
  if (step === 'smoke') return smoke
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const vitest = [
    join(bin, 'vitest'),
    'run',
    '--project',
    step,
    // A project may have none of what is asked for; without a filter it has lost its tests.
    ...(filters.length > 0 ? ['--passWithNoTests'] : []),
    ...reporters,
    ...filters,
  ]
  return checks[step] ?? vitest
}

function summarize(outcomes: readonly Outcome[]): number {
  process.stdout.write('\n')
  for (const { step, passed, ms, report, flaky } of outcomes) {
    const tests =
      report.passed + report.failed > 0 ? `   ${report.passed} passed, ${report.failed} failed` : ''
    const again = flaky.length > 0 ? `   passed only when run again: ${flaky.join(', ')}` : ''
    process.stdout.write(
      `${passed ? '✓' : '✗'} ${step.padEnd(10)}${formatSeconds(ms).padStart(10)}${tests}${again}\n`,
    )
  }
  const sum = (pick: (report: TestReport) => number): number =>
    outcomes.reduce((total, { report }) => total + pick(report), 0)
  process.stdout.write(`\n${sum(({ passed }) => passed)} passed, ${sum(({ failed }) => failed)} failed\n`)
  return outcomes.every(({ passed }) => passed) ? 0 : 1
}

async function readPackageManager(): Promise<string> {
  const text = await readFile(join(checkout, 'package.json'), 'utf8')
  return (JSON.parse(text) as { packageManager: string }).packageManager
}

await runProgram(main)
