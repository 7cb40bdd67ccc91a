import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from '../docker/connect.ts'
import { inspectExec } from '../docker/execs.ts'

const firstIntervalMs = 10
const maxIntervalMs = 500

/**
 * Waits until the engine has started the command or never will: it answers the call for a start before it starts
 * anything. When the engine goes away, the output of the command ends too.
 */
export async function untilStarted(engine: Engine, execId: string, running: Promise<unknown>): Promise<void> {
  const end = running.then(
    () => true,
    () => true,
  )
  for (let intervalMs = firstIntervalMs; ; intervalMs = Math.min(intervalMs * 2, maxIntervalMs)) {
    if (await Promise.race([end, wait(intervalMs, false)])) return
    const state = await inspectExec(engine, execId).catch(() => undefined)
    if (state && state.pid !== 0) return
  }
}
