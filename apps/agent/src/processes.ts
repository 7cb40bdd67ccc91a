import { readdir, readFile } from 'node:fs/promises'

export interface Process {
  readonly pid: number
  readonly parent: number
  /** Clock ticks since boot: tells a process from a later one with the same number. */
  readonly startedAt: string
}

/** Those of this host that live; what the kernel only keeps for their parents is none. */
export async function listProcesses(): Promise<Process[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(names.map((name) => readProcess(Number(name))))
  return found.filter((process) => process !== undefined)
}

async function readProcess(pid: number): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  // The second field is a name in parentheses that may itself hold any of these characters.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, parent] = fields
  const startedAt = fields[19]
  if (parent === undefined || startedAt === undefined || state === 'Z' || state === 'X') return undefined
  return { pid, parent: Number(parent), startedAt }
}

/** No error if it is gone already. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
