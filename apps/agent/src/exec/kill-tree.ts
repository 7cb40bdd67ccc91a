import { readFile, readlink } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { kill, listProcesses, type Process } from '../processes.ts'

const intervalMs = 15

/** A process of a container, with the container's namespace to know it by. */
export interface Root {
  readonly pid: number
  readonly pidNamespace: string
}

/**
 * Kills a command with everything that it started, until nothing is left or the deadline is over. Daemons that left
 * its session are known by a variable that all of them inherit; those that cleared their environment, by their
 * parents, as long as these live. Needs root and the host's process ids.
 */
export async function killTree(marker: string, root: Root | undefined, deadlineMs: number): Promise<boolean> {
  const deadline = Date.now() + deadlineMs
  const known = new Map<number, string>()
  for (;;) {
    const live = await listProcesses()
    // Its number may be another process's by now.
    const isRoot = root !== undefined && (await findPidNamespace(root.pid)) === root.pidNamespace
    const members = await findMembers(live, marker, isRoot ? root.pid : undefined, known)
    for (const { pid, startedAt } of members) known.set(pid, startedAt)
    const targets = live.filter(({ pid, startedAt }) => known.get(pid) === startedAt)
    if (targets.length === 0) return true
    if (Date.now() > deadline) return false
    for (const { pid } of targets) kill(pid)
    await wait(intervalMs)
  }
}

async function findMembers(
  live: readonly Process[],
  marker: string,
  rootPid: number | undefined,
  known: ReadonlyMap<number, string>,
): Promise<Process[]> {
  const children = Map.groupBy(live, ({ parent }) => parent)
  const marked = await findMarked(live, marker)
  const roots = live.filter(({ pid, startedAt }) => pid === rootPid || known.get(pid) === startedAt)
  const found = [...marked, ...roots]
  const seen = new Set(found.map(({ pid }) => pid))
  // The list grows while it is walked: children of children are found too.
  for (const { pid } of found) {
    for (const child of children.get(pid) ?? []) {
      if (seen.has(child.pid)) continue
      seen.add(child.pid)
      found.push(child)
    }
  }
  return found
}

/** Undefined for a process that is gone. */
export const findPidNamespace = (pid: number): Promise<string | undefined> =>
  readlink(`/proc/${pid}/ns/pid`).catch(() => undefined)

/** Few at a time: a tenant's environments may have 2 MiB each, which all of its processes share. */
const environmentsAtOnce = 8

async function findMarked(live: readonly Process[], marker: string): Promise<Process[]> {
  const marked: Process[] = []
  const left = live.values()
  const look = async (): Promise<void> => {
    for (const process of left) if (await hasMarker(process.pid, marker)) marked.push(process)
  }
  await Promise.all(Array.from({ length: environmentsAtOnce }, look))
  return marked
}

async function hasMarker(pid: number, marker: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`).catch(() => Buffer.alloc(0))
  for (let at = environment.indexOf(marker); at !== -1; at = environment.indexOf(marker, at + 1)) {
    const isWhole = at === 0 || environment[at - 1] === 0
    if (isWhole && (environment[at + marker.length] ?? 0) === 0) return true
  }
  return false
}
