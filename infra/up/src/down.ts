import { realpath } from 'node:fs/promises'
import { resolve } from 'node:path'
import { stopEngine } from '@gpulab/simulated-host'
import { isState, removeState } from './open-state.ts'
import { downHelp, readDownOptions } from './options.ts'
import { endOrphans } from './orphans.ts'
import { isRunning, waitUntil } from './processes.ts'
import { runProgram } from './program.ts'
import { claimState, findRun, forget } from './run-file.ts'
import { type StateLayout, toStateLayout } from './state-layout.ts'
import { cleanUpAfterAgent } from './steps/agent.ts'
import { removeHostContainer } from './steps/host-container.ts'
import { endContainers } from './steps/machine-containers.ts'
import { clearCell } from './steps/moosefs.ts'
import { findMachineEngine } from './steps/machine-engine.ts'

const stopLimitMs = 120_000

async function main(): Promise<number> {
  const options = readDownOptions(process.argv.slice(2), process.env)
  if (options === undefined) {
    process.stdout.write(`${downHelp}\n`)
    return 0
  }
  const stateDir = await realpath(resolve(options.stateDir)).catch(() => undefined)
  const layout = stateDir === undefined ? undefined : toStateLayout(stateDir)
  if (!layout || !(await isState(layout))) {
    process.stderr.write(`Nothing runs in "${options.stateDir}".\n`)
    return 0
  }
  const wasRunning = await stopSupervisor(layout)
  await using claim = await claimState(layout)
  if (!claim)
    throw new Error(`A new system was started in "${layout.stateDir}" meanwhile; it was left alone.`)
  await clearLeftovers(layout, { keepContainers: !options.purge })
  await forget(layout)
  if (options.purge) await removeState(layout)
  const kept = options.purge ? 'and everything in it was removed' : 'and everything is kept'
  process.stderr.write(
    `${wasRunning ? 'GPULab is stopped' : 'GPULab was not running'}, ${kept} (${layout.stateDir}).\n`,
  )
  return 0
}

async function stopSupervisor(layout: StateLayout): Promise<boolean> {
  const run = await findRun(layout)
  if (!run) return false
  process.kill(run.supervisor.pid, 'SIGTERM')
  const stopped = await waitUntil(async () => !(await isRunning(run.supervisor)), { timeoutMs: stopLimitMs })
  if (!stopped)
    throw new Error(
      `Process ${run.supervisor.pid} did not stop the system within ${stopLimitMs / 1000} s; see ${layout.logsDir}.`,
    )
  return true
}

/** A supervisor that was killed could not stop its parts. Where it did, there is nothing to do but to purge. */
async function clearLeftovers(
  layout: StateLayout,
  { keepContainers }: { keepContainers: boolean },
): Promise<void> {
  await endOrphans(layout)
  await removeHostContainer(layout, process.env)
  await stopEngine(layout.engineDir)
  const machine = await findMachineEngine(process.env)
  if (machine) await endContainers(layout, machine.dockerHost, { keep: keepContainers })
  if (process.getuid?.() === 0)
    await cleanUpAfterAgent(layout, keepContainers ? undefined : machine?.dockerHost)
  await clearCell(layout)
}

await runProgram(main)
