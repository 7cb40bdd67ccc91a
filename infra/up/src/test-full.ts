import { buildOwnExecutable } from '@gpulab/release'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkout } from './checkout.ts'
import { formatSeconds } from './progress.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'

const vitest = join(checkout, 'node_modules/.bin/vitest')
const unit = ['run', '--project', 'unit', 'apps/cli/test']
const unpackEngine = join(checkout, 'tests/e2e/src/docker-from-trixie')

interface Step {
  readonly args: readonly string[]
  /** Made in a folder that is removed at the end. */
  readonly env?: (folder: string, signal: AbortSignal) => Promise<NodeJS.ProcessEnv>
}

/** What `npm test` has no time for. */
const steps: Record<string, Step> = {
  framework: { args: unit, env: async () => ({ GPULAB_FRAMEWORK: '1' }) },
  executable: { args: unit, env: withExecutable },
  'executable-e2e': { args: ['run', '--project', 'e2e'], env: withExecutable },
  'engine-26': { args: ['run', '--project', 'docker'], env: withEngine },
  full: { args: ['run', '--project', 'full'] },
}

const help = `npm run test:full [-- OPTIONS] [FILTER...]: what npm test has no time for

  --only LIST    some steps: ${Object.keys(steps).join(',')}
                 framework: the CLI's tests without its short ways; executable, executable-e2e: with a
                 release's executable in the place of the sources; engine-26: the docker tests with Engine 26.1
                 from Debian 13; full: the release, compose, MooseFS, backup, versions beside each other
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
  const failed: string[] = []
  for (const name of names) {
    const step = steps[name]
    if (!step) continue
    process.stdout.write(`\n── ${name}\n`)
    const since = performance.now()
    const own = await step.env?.(sandbox.folder, signal)
    const env = { ...process.env, CI: 'true', TMPDIR: sandbox.folder, ...own }
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

async function withExecutable(folder: string): Promise<NodeJS.ProcessEnv> {
  const executable = join(folder, 'gpulab')
  if (!existsSync(executable)) await buildOwnExecutable(executable)
  return { GPULAB_TEST_CLI: executable }
}

/** Unpacked, not installed: it comes first in the path. */
async function withEngine(folder: string, signal: AbortSignal): Promise<NodeJS.ProcessEnv> {
  const trixie = join(folder, 'trixie')
  const code = await runStep(unpackEngine, [trixie], { cwd: checkout, env: process.env, signal })
  if (code !== 0) throw new Error(`${unpackEngine} ended with ${code}.`)
  const root = join(trixie, 'root/usr')
  return { PATH: `${root}/bin:${root}/sbin:${process.env['PATH']}` }
}
