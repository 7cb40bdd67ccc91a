import { readdir, readFile } from 'node:fs/promises'

/** What a program has used so far, with the processes that it is made of. */
export interface Usage {
  readonly cpuSeconds: number
  /** Proportional share: pages that several processes share count once. */
  readonly memoryBytes: number
}

/** Kernel ticks in /proc; the same on every Linux that Node runs on. */
const ticksPerSecond = 100

/** A process with its children and those that have ended; without them for our own, whose children are measured. */
export async function usageOf(pid: number): Promise<Usage> {
  if (pid === process.pid) return readUsage(pid, false)
  const pids = [pid, ...(await listChildren(pid))]
  const usages = await Promise.all(pids.map((each) => readUsage(each, each === pid)))
  return usages.reduce((left, right) => ({
    cpuSeconds: left.cpuSeconds + right.cpuSeconds,
    memoryBytes: left.memoryBytes + right.memoryBytes,
  }))
}

async function listChildren(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`))
  return (await Promise.all(lists)).join(' ').split(' ').filter(Boolean).map(Number)
}

async function readUsage(pid: number, withEnded: boolean): Promise<Usage> {
  const [stat, smaps] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/smaps_rollup`)])
  // Behind the name in parentheses: utime, stime, cutime and cstime are the fields 14 to 17.
  const ticks = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, withEnded ? 15 : 13)
  return {
    cpuSeconds: ticks.reduce((sum, each) => sum + Number(each), 0) / ticksPerSecond,
    memoryBytes: Number(/^Pss: +(\d+) kB/m.exec(smaps)?.[1] ?? 0) * 1024,
  }
}

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

export interface Load {
  /** Of one core. */
  readonly cpuPercent: number
  readonly memoryBytes: number
}

/** Programs by name, and what each used while `action` ran. */
export async function measureLoad<T>(
  programs: Readonly<Record<string, readonly number[]>>,
  action: () => Promise<T>,
): Promise<{ result: T; seconds: number; load: Record<string, Load> }> {
  const names = Object.keys(programs)
  const take = (): Promise<Usage[]> => Promise.all(names.map((name) => usageOfAll(programs[name] ?? [])))
  const before = await take()
  const since = performance.now()
  const result = await action()
  const seconds = (performance.now() - since) / 1000
  const after = await take()
  const load = names.map((name, n) => {
    const used = (after[n]?.cpuSeconds ?? 0) - (before[n]?.cpuSeconds ?? 0)
    return [name, { cpuPercent: (100 * used) / seconds, memoryBytes: after[n]?.memoryBytes ?? 0 }] as const
  })
  return { result, seconds, load: Object.fromEntries(load) }
}

async function usageOfAll(pids: readonly number[]): Promise<Usage> {
  const usages = await Promise.all(pids.map(usageOf))
  return {
    cpuSeconds: usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    memoryBytes: usages.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0),
  }
}
