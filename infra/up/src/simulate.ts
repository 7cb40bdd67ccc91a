import { join } from 'node:path'
import { checkout } from './checkout.ts'
import { runProgram } from './program.ts'
import { runStep } from './run-step.ts'

const program = join(checkout, 'tests/simulator/src/simulate.ts')

/** `npm run simulate [-- OPTIONS]`: see docs/simulator.md. */
await runProgram((signal) =>
  runStep(process.execPath, [program, ...process.argv.slice(2)], { cwd: checkout, env: process.env, signal }),
)
