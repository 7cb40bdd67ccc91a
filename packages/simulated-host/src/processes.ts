import { readdir, readFile } from 'node:fs/promises'
import { waitUntil } from './wait-until.ts'

/** A live process and its argument vector. */
export interface LiveProcess {
  pid: number
  argv: string[]
}

/** Lists the processes whose arguments `matches` accepts. Found by what they run: pid files go stale. */
export async function findProcesses(matches: (argv: string[]) => boolean): Promise<LiveProcess[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)
  const all = await Promise.all(
    pids.map(async (pid) => {
      const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return { pid, argv: text.split('\0').slice(0, -1) }
    }),
  )
  return all.filter(({ argv }) => argv.length > 0 && matches(argv))
}

/** Whether a process runs; a zombie does not. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
  return state !== '' && state !== 'Z' && state !== 'X'
}

/** Ends processes: SIGTERM, after `graceMs` SIGKILL. Throws when one outlives that by ten seconds. */
export async function endProcesses(pids: readonly number[], graceMs: number): Promise<void> {
  const allGone = async () => (await Promise.all(pids.map(isAlive))).every((alive) => !alive)
  if (graceMs > 0) {
    for (const pid of pids) sendSignal(pid, 'SIGTERM')
    if (await waitUntil(allGone, { timeoutMs: graceMs })) return
  }
  for (const pid of pids) sendSignal(pid, 'SIGKILL')
  if (await waitUntil(allGone, { timeoutMs: 10_000 })) return
  throw new Error(
    `Process ${pids.join(', ')} does not end; look at it with "ps -o pid,stat,wchan,args -p ${pids.join(',')}".`,
  )
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
