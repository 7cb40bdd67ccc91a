import { stopEngine } from '@gpulab/simulated-host'
import { chmod, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess, findProcess } from './processes.ts'
import { cleanUpAfterAgent } from './steps/agent.ts'

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
  // Engines are stopped in their own way, with what they have mounted.
  const users = await endUsers(folder, ({ argv }) => !/(^|\/)(dockerd|containerd)/.test(argv))
  for (const engine of await findEngines(folder)) {
    await stopEngine(engine, { keepContainers: false, graceSeconds: 0 })
  }
  await endUsers(folder, () => true)
  for (const agent of listAgents(users)) await cleanUpAfterAgent(agent)
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

interface User {
  argv: string
  environment: string[]
}

/** Ends the processes that were started for something in the folder, as their arguments or their environment show. */
async function endUsers(folder: string, matches: (user: User) => boolean): Promise<User[]> {
  const ended: User[] = []
  const ancestors = await listAncestors()
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number)) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    const user = { argv: await read('cmdline'), environment: (await read('environ')).split('\0') }
    const isUser = user.argv.includes(folder) || user.environment.some((line) => line.includes(folder))
    if (ancestors.has(pid) || !isUser || !matches(user)) continue
    const identity = await findProcess(pid)
    if (identity) await endProcess(identity, 5000)
    ended.push(user)
  }
  return ended
}

/** Names of what the agents among them made on this machine. */
function listAgents(users: readonly User[]): Parameters<typeof cleanUpAfterAgent>[0][] {
  const agents = users.flatMap(({ environment }) => {
    const find = (name: string) =>
      environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
    const [firewallChain, bridgePrefix] = [find('GPULAB_FIREWALL_CHAIN'), find('GPULAB_BRIDGE_PREFIX')]
    const agentDir = find('GPULAB_STATE_DIR')
    return firewallChain && bridgePrefix && agentDir ? [{ firewallChain, bridgePrefix, agentDir }] : []
  })
  return [...new Map(agents.map((agent) => [agent.firewallChain, agent])).values()]
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
