import { readdir, readFile } from 'node:fs/promises'

/** Pids of the host whose command line holds this word. */
export async function findProcesses(word: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
  )
  return pids.filter((_, index) => lines[index]?.includes(word))
}
