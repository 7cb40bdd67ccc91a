import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  cellNet,
  type CellPart,
  cellParts,
  configure,
  master,
  type Program,
  toPrograms,
} from './configure.ts'
import {
  connectNamespaces,
  giveAddress,
  hasNamespace,
  makeNamespace,
  removeNamespaces,
  runInside,
  writeTools,
} from './namespaces.ts'
import { untilTrue } from './run-tool.ts'

export interface CellOptions {
  /** Holds all that is stored in it, and stays when it is stopped. */
  readonly folder: string
  /** Of its network namespaces; at most six letters or digits, no other cell's. */
  readonly id: string
}

/** A MooseFS cell: a master and two chunkservers, in a network namespace that nothing else reaches. */
export interface Cell {
  readonly master: string
  /** A PATH under which the tools of MooseFS run as on that host, each with an address of its own. */
  hostPath(name: string): Promise<string>
  /** SIGKILL, until it is gone. */
  kill(part: CellPart): Promise<void>
  start(part: CellPart): Promise<void>
}

const readyMs = 60_000
const stopMs = 30_000
const killMs = 5000

const namespaceOf = (id: string): string => `glmfs${id}`

/** Starts a cell, or what is missing of it: one that runs in that folder is taken over. */
export async function openCell({ folder, id }: CellOptions): Promise<Cell> {
  const namespace = namespaceOf(id)
  const programs = await configure(folder)
  await makeNamespace(namespace)
  for (const number of [1, 11, 12]) await giveAddress(namespace, 'lo', `${cellNet}.${number}/24`)
  const start = async (part: CellPart): Promise<void> => {
    if ((await findPid(programs[part])) === undefined) await runInside(namespace, ...programs[part].command)
  }
  for (const part of cellParts) await start(part)
  await untilReady(namespace)

  const hosts = new Map<string, Promise<string>>()
  const makeHost = async (name: string, number: number): Promise<string> => {
    const own = `${namespace}-${name}`
    if (!(await hasNamespace(own))) {
      await makeNamespace(own)
      await connectNamespaces(namespace, own, { id, number, network: `${cellNet}.0/24` })
    }
    const bin = join(folder, `bin-${name}`)
    await writeTools(bin, own)
    return `${bin}:${process.env['PATH'] ?? ''}`
  }
  return {
    master,
    hostPath: (name) => {
      const path = hosts.get(name) ?? makeHost(name, hosts.size + 1)
      hosts.set(name, path)
      return path
    },
    kill: (part) => endProgram(programs[part], 'SIGKILL'),
    start,
  }
}

/** Stops what runs of a cell, whoever has started it. All that is in it stays in its folder. */
export async function stopCell({ folder, id }: CellOptions): Promise<void> {
  const programs = Object.values(toPrograms(folder))
  await Promise.all(programs.map((program) => endProgram(program, 'SIGTERM')))
  await removeNamespaces(namespaceOf(id))
}

async function untilReady(namespace: string): Promise<void> {
  let shown = ''
  const isReady = await untilTrue(async () => {
    shown = await runInside(namespace, 'mfscli', '-p', '-H', master, '-SCS')
    const withRoom = shown
      .split('\n')
      .filter((line) => line.startsWith('chunk servers') && Number(line.split('\t')[10]) > 0)
    return withRoom.length === 2
  }, readyMs)
  if (!isReady) throw new Error(`The chunkservers of the MooseFS cell did not come: ${shown.trim()}`)
}

async function endProgram(program: Program, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const pid = await findPid(program)
  if (pid === undefined) return
  process.kill(pid, signal)
  const limitMs = signal === 'SIGTERM' ? stopMs : killMs
  if (await untilTrue(async () => (await findPid(program)) === undefined, limitMs)) return
  if (signal === 'SIGKILL') throw new Error(`Process ${pid} (${program.command[0]}) could not be ended.`)
  await endProgram(program, 'SIGKILL')
}

/** Of a program that runs. After a reboot another one may have its number. */
async function findPid({ command, lock }: Program): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10)
  if (!(pid > 0)) return undefined
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.startsWith(command[0] ?? '-') ? pid : undefined
}
