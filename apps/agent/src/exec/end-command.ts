import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from '../docker/connect.ts'
import { inspectExec } from '../docker/execs.ts'
import { killTree } from './kill-tree.ts'

const killMs = 1500
/** The engine ends the output at most so long after the last process. */
const drainMs = 500

/** Kills the command with all that it started, then gives its last output the time to arrive. */
export async function endCommand(
  engine: Engine,
  execId: string,
  marker: string,
  running: Promise<unknown>,
): Promise<void> {
  const pid = await inspectExec(engine, execId).then(
    (state) => state.pid,
    // The engine may be gone; the marker finds the processes all the same.
    () => 0,
  )
  await killTree(marker, pid, killMs)
  await Promise.race([running.catch(() => {}), wait(drainMs)])
}
