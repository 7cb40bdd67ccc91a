import { join } from 'node:path'
import { checkout } from './checkout.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'

const vitest = join(checkout, 'node_modules/.bin/vitest')

/** `npm run bench [-- FILTER]`: figures beside Docker's own in the same run. Never part of the tests. */
await runProgram(async (signal) => {
  await using sandbox = await openSandbox()
  const env = { ...process.env, TMPDIR: sandbox.folder }
  // Filters first: what follows the last flag would be taken for its value.
  const args = ['run', ...process.argv.slice(2), '--project', 'bench', '--disable-console-intercept']
  // Awaited here: the sandbox is cleared when this function returns.
  return await runStep(vitest, args, { cwd: checkout, env, signal })
})
