import { readFileSync } from 'node:fs'

/** The most memory that a process has had. */
export const peakKib = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
