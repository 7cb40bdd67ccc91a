import { readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { endProcesses } from './processes.ts'
import { waitUntil } from './wait-until.ts'

const root = '/sys/fs/cgroup'

/** Finds the folders of a control group: one on cgroup v2, one for each controller on v1. */
async function groupFolders(name: string): Promise<string[]> {
  const controllers = await readdir(root).catch(() => [])
  const found = await Promise.all(
    ['', ...controllers].map(async (controller) => {
      const folder = join(root, controller, name)
      return (await readdir(folder).catch(() => undefined)) ? folder : undefined
    }),
  )
  return found.filter((folder) => folder !== undefined)
}

/** Lists the processes of an engine's containers as container id → pids. */
export async function listContainerProcesses(group: string): Promise<Map<string, Set<number>>> {
  const containers = new Map<string, Set<number>>()
  for (const folder of await groupFolders(group)) {
    for (const id of await subfolders(folder)) {
      const pids = containers.get(id) ?? new Set<number>()
      for (const pid of await readTree(join(folder, id))) pids.add(pid)
      containers.set(id, pids)
    }
  }
  for (const [id, pids] of containers) if (pids.size === 0) containers.delete(id)
  return containers
}

/** Kills the processes of the containers that `chosen` names, until none is left. */
export async function killContainerProcesses(group: string, chosen: (id: string) => boolean): Promise<void> {
  const ended = await waitUntil(
    async () => {
      const left = [...(await listContainerProcesses(group))].filter(([id]) => chosen(id))
      const pids = left.flatMap(([, ids]) => [...ids])
      if (pids.length > 0) await endProcesses(pids, 0)
      return pids.length === 0
    },
    { timeoutMs: 15_000 },
  )
  if (!ended) throw new Error(`Processes of containers keep appearing in the control group "${group}".`)
}

/** Removes an engine's control groups, which must hold no process any more. */
export async function removeControlGroup(group: string): Promise<void> {
  for (const folder of await groupFolders(group)) await removeTree(folder)
}

async function removeTree(folder: string): Promise<void> {
  for (const name of await subfolders(folder)) await removeTree(join(folder, name))
  // The kernel frees a group shortly after its last process, and says busy until then.
  await waitUntil(
    () =>
      rmdir(folder).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
      ),
    { timeoutMs: 2000 },
  )
}

async function readTree(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '')
  const own = text.split('\n').filter(Boolean).map(Number)
  const nested = await Promise.all((await subfolders(folder)).map((name) => readTree(join(folder, name))))
  return [...own, ...nested.flat()]
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}
