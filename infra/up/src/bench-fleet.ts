import { join } from 'node:path'
import { checkout, nodeBinary } from './checkout.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'
import { openSandbox } from './sandbox.ts'

const program = join(checkout, 'tests/fleet/src/main.ts')

/** `npm run bench:fleet [-- OPTIONS]`: the control plane under a fleet of simulated hosts. `--help` shows the options. */
await runProgram(async (signal) => {
  await using sandbox = await openSandbox()
  const env = { ...process.env, TMPDIR: sandbox.folder }
  // Awaited here: the sandbox is cleared when this function returns.
  return await runStep(nodeBinary, [program, ...process.argv.slice(2)], { cwd: process.cwd(), env, signal })
})
