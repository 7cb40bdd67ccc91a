import { readFile, readdir } from 'node:fs/promises'
import { eventually } from '@gpulab/testing'
import { expect } from 'vitest'

/** Ids of the processes that have this text among their arguments, zombies not counted. */
export async function findProcesses(text: string): Promise<number[]> {
  const names = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    names.map(async (name) =>
      (await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '')).includes(text),
    ),
  )
  return names.filter((_, index) => found[index]).map(Number)
}

/** Waits until no process has this text among its arguments. */
export const untilGone = (text: string, timeoutMs: number): Promise<void> =>
  eventually(async () => expect(await findProcesses(text)).toEqual([]), { timeoutMs })

/** Waits until exactly so many have it. */
export const untilThere = (text: string, count: number): Promise<void> =>
  eventually(async () => expect(await findProcesses(text)).toHaveLength(count))

/** Resident memory of a process in KiB: all of it, and its own part. */
export async function readMemory(pid: number): Promise<{ residentKib: number; anonymousKib: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const read = (key: string): number => Number(status.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))?.[1])
  return { residentKib: read('VmRSS'), anonymousKib: read('RssAnon') }
}

/** Time that a process has had of the processors. */
export async function readProcessorMs(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
