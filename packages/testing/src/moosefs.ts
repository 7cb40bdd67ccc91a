import { installPackages, findProgram, tryCommand } from '@gpulab/images'
import { randomBytes } from 'node:crypto'
import { access, chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from './eventually.ts'

export type CellPart = 'master' | 'chunks-1' | 'chunks-2'

/** A MooseFS cell of its own: a master and two chunkservers, in a network namespace that nothing else reaches. */
export interface MooseFs extends AsyncDisposable {
  readonly master: string
  /** A PATH under which the tools of MooseFS run as on that host, each with an address of its own. */
  hostPath(name: string): Promise<string>
  /** SIGKILL, until it is gone. */
  kill(part: CellPart): Promise<void>
  start(part: CellPart): Promise<void>
}

const packages = [
  ['mfsmaster', 'moosefs-master'],
  ['mfschunkserver', 'moosefs-chunkserver'],
  ['mfsmount', 'moosefs-client'],
  ['mfscli', 'moosefs-cli'],
] as const
const tools = ['mfsmount', 'mfssetquota', 'mfssettrashtime', 'mfsseteattr', 'mfsrmsnapshot']
const emptyMetadata = '/var/lib/mfs/metadata.mfs.empty'
/** Of documentation (RFC 5737): on the loopback of a namespace of its own. A chunkserver refuses a master on 127.0.0.0/8. */
const net = '198.51.100'
const hostNet = '203.0.113'
const master = `${net}.1`
const readyMs = 60_000

/** Why this machine can have no such cell; undefined where it can. */
export async function findMooseFsObstacle(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root'
  if (!(await exists('/dev/fuse'))) return 'there is no /dev/fuse'
  const missing: string[] = []
  for (const [program, name] of packages) if (!(await findProgram(program))) missing.push(name)
  if (missing.length > 0) await installPackages(missing, 'A MooseFS cell')
  return undefined
}

export async function startMooseFs(): Promise<MooseFs> {
  await using started = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-mfs-'))
  started.defer(() => rm(folder, { recursive: true, force: true }))
  const id = `glmfs${randomBytes(3).toString('hex')}`
  const { address, make, inside } = createNamespaces(started)
  await make(id)
  for (const number of [1, 11, 12]) await address(id, 'lo', `${net}.${number}/24`)

  const parts = await writeConfig(folder)
  const pidOf = async (part: CellPart): Promise<number> =>
    Number.parseInt(await readFile(parts[part].lock, 'utf8').catch(() => '0'), 10)
  const start = async (part: CellPart): Promise<void> => {
    await inside(id, ...parts[part].command)
  }
  const kill = async (part: CellPart): Promise<void> => {
    const pid = await pidOf(part)
    if (pid <= 0 || !isAlive(pid)) return
    process.kill(pid, 'SIGKILL')
    await eventually(() => {
      if (isAlive(pid)) throw new Error(`${part} is still there`)
    })
  }
  started.defer(async () => {
    for (const part of Object.keys(parts) as CellPart[]) await kill(part)
  })
  await start('master')
  await start('chunks-1')
  await start('chunks-2')
  await eventually(
    async () => {
      const text = await inside(id, 'mfscli', '-p', '-H', master, '-SCS')
      const ready = text
        .split('\n')
        .filter((line) => line.startsWith('chunk servers') && Number(line.split('\t')[10]) > 0)
      if (ready.length < 2) throw new Error(`Not both chunkservers are there:\n${text}`)
    },
    { timeoutMs: readyMs, intervalMs: 100 },
  )

  const hosts = new Map<string, Promise<string>>()
  const makeHost = async (name: string, number: number): Promise<string> => {
    const namespace = `${id}-${name}`
    await make(namespace)
    const [there, here] = [`${id.slice(5)}m${number}`, `${id.slice(5)}h${number}`]
    await ip('link', 'add', there, 'netns', id, 'type', 'veth', 'peer', 'name', here, 'netns', namespace)
    await address(id, there, `${hostNet}.${number * 4 + 1}/30`)
    await address(namespace, here, `${hostNet}.${number * 4 + 2}/30`)
    await ip('-n', namespace, 'route', 'add', `${net}.0/24`, 'via', `${hostNet}.${number * 4 + 1}`)
    const bin = join(folder, `bin-${name}`)
    await mkdir(bin)
    for (const tool of tools) {
      const program = await findProgram(tool)
      // Only the network is that host's: mounts are ordinary ones.
      const script = `#!/bin/sh\nexec nsenter --net=/run/netns/${namespace} -- ${program ?? tool} "$@"\n`
      await writeFile(join(bin, tool), script)
      await chmod(join(bin, tool), 0o755)
    }
    return `${bin}:${process.env['PATH'] ?? ''}`
  }
  const all = started.move()
  return {
    master,
    hostPath: (name) => {
      const path = hosts.get(name) ?? makeHost(name, hosts.size + 1)
      hosts.set(name, path)
      return path
    },
    kill,
    start,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

interface Part {
  readonly command: readonly string[]
  /** Holds the pid. */
  readonly lock: string
}

async function writeConfig(folder: string): Promise<Record<CellPart, Part>> {
  const at = (...names: string[]): string => join(folder, ...names)
  const common = ['WORKING_USER = root', 'WORKING_GROUP = root', 'NICE_LEVEL = 0', 'DISABLE_OOM_KILLER = 0']
  await mkdir(at('master'))
  await copyFile(emptyMetadata, at('master/metadata.mfs'))
  // Without "admin" nobody can set quotas.
  await writeFile(at('exports'), '* / rw,alldirs,admin,maproot=0:0\n* . rw\n')
  await writeFile(at('topology'), '')
  const listen = ['MATOML', 'MATOCS', 'MATOCL'].map((name) => `${name}_LISTEN_HOST = ${master}`)
  const ofMaster = [
    `DATA_PATH = ${at('master')}`,
    `EXPORTS_FILENAME = ${at('exports')}`,
    `TOPOLOGY_FILENAME = ${at('topology')}`,
    'REPLICATIONS_DELAY_INIT = 5',
  ]
  await writeFile(at('master.cfg'), [...common, ...listen, ...ofMaster, ''].join('\n'))
  for (const number of [1, 2]) {
    const name = `chunks-${number}`
    await mkdir(at(name))
    await mkdir(at(`disk-${number}`))
    await writeFile(at(`disk-${number}.cfg`), `${at(`disk-${number}`)}\n`)
    const own = `${net}.${10 + number}`
    const ofChunks = [
      `DATA_PATH = ${at(name)}`,
      `HDD_CONF_FILENAME = ${at(`disk-${number}.cfg`)}`,
      'HDD_LEAVE_SPACE_DEFAULT = 256MiB',
      `MASTER_HOST = ${master}`,
      `BIND_HOST = ${own}`,
      `CSSERV_LISTEN_HOST = ${own}`,
      'MASTER_RECONNECTION_DELAY = 1',
    ]
    await writeFile(at(`${name}.cfg`), [...common, ...ofChunks, ''].join('\n'))
  }
  const chunks = (number: number): Part => ({
    command: ['mfschunkserver', '-c', at(`chunks-${number}.cfg`), 'start'],
    lock: at(`chunks-${number}/.mfschunkserver.lock`),
  })
  return {
    // -a: after a kill it has to replay its logs.
    master: {
      command: ['mfsmaster', '-c', at('master.cfg'), '-a', 'start'],
      lock: at('master/.mfsmaster.lock'),
    },
    'chunks-1': chunks(1),
    'chunks-2': chunks(2),
  }
}

function createNamespaces(stack: AsyncDisposableStack) {
  const made: string[] = []
  stack.defer(async () => {
    for (const name of made) await tryCommand('ip', ['netns', 'del', name])
  })
  return {
    make: async (name: string): Promise<void> => {
      await ip('netns', 'add', name)
      made.push(name)
      await ip('-n', name, 'link', 'set', 'lo', 'up')
    },
    address: async (name: string, link: string, address: string): Promise<void> => {
      await ip('-n', name, 'addr', 'add', address, 'dev', link)
      await ip('-n', name, 'link', 'set', link, 'up')
    },
    inside: (name: string, ...command: string[]): Promise<string> =>
      runTool('nsenter', `--net=/run/netns/${name}`, '--', ...command),
  }
}

const ip = (...args: string[]): Promise<string> => runTool('ip', ...args)

async function runTool(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await tryCommand(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  return stdout
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
