import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from '../docker/connect.ts'
import { inspectExec } from '../docker/execs.ts'
import { killTree } from './kill-tree.ts'

const killMs = 1500
/** The engine ends the output at most so long after the last process. */
const drainMs = 500
/** The caller does not wait longer for a start that is under way; the kill comes after it all the same. */
const startMs = 5000

/** A command that the engine has been asked to start. */
export interface RunningCommand {
  readonly execId: string
  readonly marker: string
  /** Of the container when the command was begun. */
  readonly pidNamespace: string | undefined
  /** Settles once the engine has started it or never will. */
  readonly started: Promise<void>
  /** Settles with its output. */
  readonly running: Promise<unknown>
  /** Closes the output for good. */
  close(): void
}

/** Kills the command with all that it started, then gives its last output the time to arrive. */
export async function endCommand(engine: Engine, command: RunningCommand): Promise<void> {
  await Promise.race([killOnceStarted(engine, command), wait(startMs)])
}

async function killOnceStarted(engine: Engine, command: RunningCommand): Promise<void> {
  const { execId, marker, pidNamespace, started, running, close } = command
  await started
  // The engine may be gone; the marker finds the processes all the same.
  const state = await inspectExec(engine, execId).catch(() => undefined)
  const isAlive = state?.running === true && state.pid !== 0 && pidNamespace !== undefined
  await killTree(marker, isAlive ? { pid: state.pid, pidNamespace } : undefined, killMs)
  await Promise.race([running.catch(() => {}), wait(drainMs)])
  close()
}
