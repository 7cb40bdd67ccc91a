import { readdir, readFile, readlink } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { callEngineJson, tryCommand } from '@gpulab/images'
import type { StateLayout } from './state-layout.ts'

/**
 * Lists what a stopped system still has on this machine: processes, mounts, bridges, firewall chains, containers, network
 * namespaces.
 */
export async function findLeftovers(layout: StateLayout): Promise<string[]> {
  const lists = await Promise.all([
    findProcesses(layout),
    findMounts(layout),
    findInterfaces(layout),
    findChains(layout),
    findHostContainers(layout),
    findNamespaces(layout),
  ])
  return lists.flat()
}

async function findProcesses({ stateDir }: StateLayout): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(
    (entry) => /^\d+$/.test(entry) && entry !== String(process.pid),
  )
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
      const program = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
      const texts = await Promise.all([read('cmdline'), read('environ')])
      // A zombie has no program; init will take it.
      return program !== undefined && texts.some((text) => text.includes(stateDir))
        ? [`process ${pid} (${program})`]
        : []
    }),
  )
  return found.flat()
}

async function findMounts({ stateDir }: StateLayout): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
  return mounts.filter((point) => point.startsWith(`${stateDir}/`)).map((point) => `mount ${point}`)
}

async function findInterfaces({ bridgePrefix, second }: StateLayout): Promise<string[]> {
  const { stdout } = await tryCommand('ip', ['-o', 'link']).catch(() => ({
    stdout: Object.keys(networkInterfaces()).join('\n'),
  }))
  return stdout.split('\n').flatMap((line) => {
    const name = /^\d+: ([^:@]+)/.exec(line)?.[1] ?? line
    const isOurs = [bridgePrefix, second.bridgePrefix].some((prefix) => name.startsWith(`${prefix}-`))
    return isOurs ? [`interface ${name}`] : []
  })
}

async function findChains({ firewallChain }: StateLayout): Promise<string[]> {
  const { stdout } = await tryCommand('iptables-save', []).catch(() => ({ stdout: '' }))
  return [...new Set(stdout.match(new RegExp(`^:${firewallChain}\\S*`, 'gm')))].map(
    (chain) => `firewall chain ${chain}`,
  )
}

async function findHostContainers({ hostName }: StateLayout): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`ai.gpulab.simulated-host=${hostName}`] }))
  const found = await callEngineJson<unknown[]>(
    process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock',
    `/containers/json?all=1&filters=${filters}`,
  ).catch(() => [])
  return found.map(() => `container ${hostName}`)
}

/** Of a MooseFS cell. */
async function findNamespaces({ id }: StateLayout): Promise<string[]> {
  const names = await readdir('/run/netns').catch((): string[] => [])
  return names.filter((name) => name.includes(id.slice(0, 6))).map((name) => `network namespace ${name}`)
}
