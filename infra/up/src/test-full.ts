import { buildOwnExecutable } from '@gpulab/release'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkout } from './checkout.ts'
import { formatSeconds } from './progress.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'

const vitest = join(checkout, 'node_modules/.bin/vitest')
const unit = ['run', '--project', 'unit', 'apps/cli/test']

/** What `npm test` has no time for. */
const steps: Record<
  string,
  { readonly args: readonly string[]; readonly env?: (executable: string) => NodeJS.ProcessEnv }
> = {
  framework: { args: unit, env: () => ({ GPULAB_FRAMEWORK: '1' }) },
  executable: { args: unit, env: (executable) => ({ GPULAB_TEST_CLI: executable }) },
  'executable-e2e': {
    args: ['run', '--project', 'e2e'],
    env: (executable) => ({ GPULAB_TEST_CLI: executable }),
  },
  full: { args: ['run', '--project', 'full'] },
}

const help = `npm run test:full [-- OPTIONS] [FILTER...]: what npm test has no time for

  --only LIST    some steps: ${Object.keys(steps).join(',')}
                 framework: the CLI's tests without its short ways; executable, executable-e2e: with a
                 release's executable in the place of the sources; full: the release, compose, old engines
  FILTER         only test files with this in their path`

await runProgram(async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { only: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  })
  if (values.help) {
    process.stdout.write(`${help}\n`)
    return 0
  }
  const names = values.only?.split(',') ?? Object.keys(steps)
  const unknown = names.find((name) => !(name in steps))
  if (unknown !== undefined) throw new Error(`There is no step "${unknown}".`)
  await using sandbox = await openSandbox()
  const executable = join(sandbox.folder, 'gpulab')
  await buildOwnExecutable(executable)
  const failed: string[] = []
  for (const name of names) {
    const step = steps[name]
    if (!step) continue
    process.stdout.write(`\n── ${name}\n`)
    const since = performance.now()
    const env = { ...process.env, CI: 'true', TMPDIR: sandbox.folder, ...step.env?.(executable) }
    const code = await runStep(vitest, [...step.args, '--passWithNoTests', ...positionals], {
      cwd: checkout,
      env,
      signal,
    })
    if (code !== 0) failed.push(name)
    process.stdout.write(`${code === 0 ? '✓' : '✗'} ${name} ${formatSeconds(performance.now() - since)}\n`)
  }
  return failed.length === 0 ? 0 : 1
})
