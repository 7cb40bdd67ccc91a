import { runProgram } from '../run-program.ts'
import type { VolumeUsage } from './driver.ts'

/** What a mount answers: how large it is, that whoever served it has gone, or nothing. */
export type Look =
  | { readonly state: 'answers'; readonly usage: Omit<VolumeUsage, 'enforced'> }
  | { readonly state: 'dead' }
  | { readonly state: 'silent'; readonly problem: string }

/** A file system may be asked for so long. Longer than a busy one takes. */
const answerMs = 10_000

/** Asks in a process of its own: one that hangs in the kernel holds up nobody, and ends once the kernel gives up. */
export async function lookAt(path: string, timeoutMs = answerMs): Promise<Look> {
  try {
    const args = ['LC_ALL=C', 'stat', '-f', '-c', '%S %b %f', path]
    const { exitCode, stdout, stderr } = await runProgram('env', args, { timeoutMs })
    if (exitCode === 0) return { state: 'answers', usage: parseSizes(stdout) }
    if (/not connected|stale file handle/i.test(stderr)) return { state: 'dead' }
    return { state: 'silent', problem: stderr.trim() }
  } catch {
    return { state: 'silent', problem: `It has not answered for ${timeoutMs / 1000} seconds.` }
  }
}

/** Whether there is such an entry; asked in the same way. */
export async function isThere(path: string): Promise<boolean> {
  const args = ['LC_ALL=C', 'stat', '-c', '%F', path]
  const { exitCode, stderr } = await runProgram('env', args, { timeoutMs: answerMs })
  if (exitCode === 0) return true
  if (/no such file/i.test(stderr)) return false
  throw new Error(`It does not answer: ${stderr.trim()}`)
}

function parseSizes(text: string): Omit<VolumeUsage, 'enforced'> {
  const [block = Number.NaN, all = Number.NaN, free = Number.NaN] = text.trim().split(' ').map(Number)
  return { sizeBytes: block * all, usedBytes: block * (all - free) }
}
