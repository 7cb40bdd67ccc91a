import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from '../docker/connect.ts'
import { inspectExec } from '../docker/execs.ts'

const firstIntervalMs = 5
const maxIntervalMs = 200

interface Exit {
  readonly exitCode: number
  /** 0 when no process was ever started. */
  readonly pid: number
}

/** A command may close its output long before it ends, and the engine notes its end a moment after its output's. */
export async function waitForExit(engine: Engine, execId: string, signal: AbortSignal): Promise<Exit> {
  for (let intervalMs = firstIntervalMs; ; intervalMs = Math.min(intervalMs * 2, maxIntervalMs)) {
    const { running, exitCode, pid } = await inspectExec(engine, execId)
    if (!running && exitCode !== null) return { exitCode, pid }
    await wait(intervalMs, undefined, { signal })
  }
}
