import { readdir, readFile } from 'node:fs/promises'

/**
 * Waits for work that knows no signals. When ours comes first, the programs that it runs are told to end, so that it
 * fails and clears up after itself while we go on stopping the rest.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => {
    void endOwnChildren()
    aborted.reject(signal.reason)
  }
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** Ends our children of our own process group; parts of the system have groups of their own. */
async function endOwnChildren(): Promise<void> {
  const own = await readFamily('self')
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))
  for (const pid of pids) {
    const { parent, group } = await readFamily(pid)
    if (parent === process.pid && group === own.group) process.kill(Number(pid), 'SIGTERM')
  }
}

async function readFamily(pid: string): Promise<{ parent: number; group: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { parent: Number(parent), group: Number(group) }
}
