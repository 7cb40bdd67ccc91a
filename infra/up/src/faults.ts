import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkout } from './checkout.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'

const vitest = join(checkout, 'node_modules/.bin/vitest')

const help = `npm run test:faults [-- OPTIONS] [FILTER...]: every fault that npm test has only some of

  --only LIST    cases with one of these texts in their names, as a failed run prints them
  --seed N       another order and other neighbours of the cases (default 1)
  --short        what npm test runs
  FILTER         only test files with this in their path`

await runProgram(async (signal) => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string' },
      seed: { type: 'string' },
      short: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(`${help}\n`)
    return 0
  }
  await using sandbox = await openSandbox()
  const env = {
    ...process.env,
    TMPDIR: sandbox.folder,
    GPULAB_FAULTS: values.short ? 'short' : 'full',
    ...(values.only !== undefined && { GPULAB_FAULTS_ONLY: values.only }),
    ...(values.seed !== undefined && { GPULAB_FAULTS_SEED: values.seed }),
  }
  const args = ['run', '--project', 'faults', '--reporter=verbose', ...positionals]
  // Awaited here: the sandbox is cleared when this function returns.
  return await runStep(vitest, args, { cwd: checkout, env, signal })
})
