import { networkInterfaces } from 'node:os'
import { chooseAddressPool, overlap, toRange, type AddressRange, type PoolLayout } from './address-pool.ts'
import type { EngineLayout } from './engine-layout.ts'
import { runCommand, tryCommand } from '@gpulab/images'

interface Link {
  ifname: string
  linkinfo?: { info_kind?: string }
  addr_info?: { family: string; local: string; prefixlen: number }[]
}

/** Chooses an address pool that collides with no address and no route of this machine. */
export async function findFreePool(seed: string): Promise<string> {
  const routes = JSON.parse(await runCommand('ip', ['-j', '-4', 'route', 'show', 'table', 'all'])) as {
    dst?: string
  }[]
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ cidr }) => cidr ?? ''),
  )
  const used = [...routes.map(({ dst }) => dst ?? ''), ...addresses]
    .map(toRange)
    .filter((range) => range !== undefined)
  return chooseAddressPool(used, seed)
}

/** Makes the engine's bridge, its forwarding and its masquerading. Doing it again repairs what is missing. */
export async function ensureNetwork(layout: EngineLayout, pool: PoolLayout): Promise<void> {
  await ensureBridge(layout, pool)
  await ensureRules(layout, pool)
}

/** Takes back what `ensureNetwork` made, and the bridges of the networks that were created in the pool. */
export async function removeNetwork(layout: EngineLayout, pool: PoolLayout): Promise<void> {
  for (const name of await listPoolBridges(pool)) await tryCommand('ip', ['link', 'delete', name])
  for (const [table, parent] of parents) {
    await tryCommand('iptables', ['-w', '-t', table, '-D', parent, '-j', layout.chain])
    await tryCommand('iptables', ['-w', '-t', table, '-F', layout.chain])
    await tryCommand('iptables', ['-w', '-t', table, '-X', layout.chain])
  }
}

/** Lists the bridges whose addresses lie in the pool. */
async function listPoolBridges({ pool }: PoolLayout): Promise<string[]> {
  const range = toRange(pool)
  const links = JSON.parse(await runCommand('ip', ['-j', '-d', 'addr', 'show'])) as Link[]
  const inPool = (other: AddressRange | undefined) =>
    range !== undefined && other !== undefined && overlap(range, other)
  return links
    .filter((link) => link.linkinfo?.info_kind === 'bridge')
    .filter((link) =>
      (link.addr_info ?? []).some(({ local, prefixlen }) => inPool(toRange(`${local}/${prefixlen}`))),
    )
    .map((link) => link.ifname)
}

const parents = [
  ['filter', 'FORWARD'],
  ['nat', 'POSTROUTING'],
] as const

async function ensureBridge({ bridge }: EngineLayout, { bridgeAddress }: PoolLayout): Promise<void> {
  const { exitCode } = await tryCommand('ip', ['link', 'show', bridge])
  if (exitCode !== 0) await runCommand('ip', ['link', 'add', bridge, 'type', 'bridge'])
  await runCommand('ip', ['addr', 'replace', bridgeAddress, 'dev', bridge])
  await runCommand('ip', ['link', 'set', bridge, 'up'])
}

// The engine itself runs with iptables off: an Engine that starts empties the DOCKER chains of every other
// one in the same network namespace. What it would have done for its networks stands in chains of our own.
async function ensureRules({ chain }: EngineLayout, { pool }: PoolLayout): Promise<void> {
  const within = ['-s', pool, '-d', pool]
  const rules: Record<'filter' | 'nat', string[][]> = {
    filter: [
      // With bridge-nf-call-iptables, frames between two ports of one bridge pass here too.
      [...within, '-m', 'physdev', '--physdev-is-bridged', '-j', 'ACCEPT'],
      [...within, '-j', 'DROP'],
      ['-s', pool, '-j', 'ACCEPT'],
      ['-d', pool, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'],
    ],
    nat: [['-s', pool, '!', '-d', pool, '-j', 'MASQUERADE']],
  }
  for (const [table, parent] of parents) {
    const iptables = ['-w', '-t', table]
    const made = await tryCommand('iptables', [...iptables, '-N', chain])
    if (made.exitCode !== 0) await runCommand('iptables', [...iptables, '-F', chain])
    for (const rule of rules[table]) await appendRule([...iptables, '-A', chain, ...rule])
    const linked = await tryCommand('iptables', [...iptables, '-C', parent, '-j', chain])
    if (linked.exitCode !== 0) await runCommand('iptables', [...iptables, '-I', parent, '-j', chain])
  }
}

async function appendRule(args: string[]): Promise<void> {
  const { exitCode, stderr } = await tryCommand('iptables', args)
  // A kernel without the physdev match has no bridge-nf-call-iptables either, so nothing needs that rule.
  if (exitCode !== 0 && !args.includes('physdev')) {
    throw new Error(`The firewall rule "iptables ${args.join(' ')}" was refused: ${stderr.trim()}.`)
  }
}
