import { stopEngine } from '@gpulab/simulated-host'
import { chmod, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess, findProcess } from './processes.ts'

/** A temporary folder for everything that a test run makes, with what it takes to leave nothing behind. */
export interface Sandbox extends AsyncDisposable {
  folder: string
}

export async function openSandbox(): Promise<Sandbox> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'gpulab-test-')))
  // The users that databases run as have to get at their folders.
  await chmod(folder, 0o755)
  return { folder, [Symbol.asyncDispose]: () => clear(folder) }
}

/** Tests end what they start; this is for those that were killed. */
async function clear(folder: string): Promise<void> {
  await endUsers(folder, (argv) => !/(^|\/)(dockerd|containerd)/.test(argv))
  for (const engine of await findEngines(folder))
    await stopEngine(engine, { keepContainers: false, graceSeconds: 0 })
  await endUsers(folder, () => true)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function findEngines(folder: string): Promise<string[]> {
  const found: string[] = []
  const look = async (path: string, depth: number): Promise<void> => {
    const entries = await readdir(path, { withFileTypes: true }).catch(() => [])
    if (entries.some(({ name }) => name === 'engine.json')) found.push(path)
    else if (depth > 0) {
      for (const entry of entries) if (entry.isDirectory()) await look(join(path, entry.name), depth - 1)
    }
  }
  await look(folder, 3)
  return found
}

/** Ends the processes that were started for something in the folder, as their arguments or their environment show. */
async function endUsers(folder: string, matches: (argv: string) => boolean): Promise<void> {
  const ancestors = await listAncestors()
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    const [argv, environment] = [await read('cmdline'), await read('environ')]
    if (ancestors.has(pid) || !`${argv}\0${environment}`.includes(folder) || !matches(argv)) continue
    const identity = await findProcess(pid)
    if (identity) await endProcess(identity, 5000)
  }
}

async function listAncestors(): Promise<Set<number>> {
  const pids = new Set<number>()
  for (let pid = process.pid; pid > 1 && !pids.has(pid);) {
    pids.add(pid)
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    pid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  }
  return pids
}
