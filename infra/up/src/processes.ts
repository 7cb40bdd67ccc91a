import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** A process for certain: its pid may be another's tomorrow, with another start time (ticks since boot). */
export interface ProcessIdentity {
  pid: number
  startTime: string
}

/** Identity of a live process; undefined if there is none, or only a zombie. */
export async function findProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field is the program's name in parentheses, with whatever characters it has.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTime = fields[18]
  if (startTime === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, startTime }
}

/** Whether that very process still runs. */
export async function isRunning({ pid, startTime }: ProcessIdentity): Promise<boolean> {
  return (await findProcess(pid))?.startTime === startTime
}

/** Ends a process: SIGTERM, after `graceMs` SIGKILL. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  for (const [signal, limitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', 10_000],
  ] as const) {
    if (!(await isRunning(identity))) return
    process.kill(identity.pid, signal)
    if (await waitUntil(async () => !(await isRunning(identity)), { timeoutMs: limitMs })) return
  }
  throw new Error(`Process ${identity.pid} does not end; look at it with "ps -p ${identity.pid}".`)
}

/** Polls `check` until it gives true, or gives false when the time is over. */
export async function waitUntil(
  check: () => Promise<boolean>,
  { timeoutMs, intervalMs = 50, signal }: { timeoutMs: number; intervalMs?: number; signal?: AbortSignal },
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    signal?.throwIfAborted()
    if (await check()) return true
    if (performance.now() >= deadline) return false
    await delay(intervalMs)
  }
}
