import type { FastifyBaseLogger } from 'fastify'
import { readdir } from 'node:fs/promises'
import { runProgram } from '../run-program.ts'
import {
  type FirewallLayout,
  forwardChain,
  inputChain,
  type Jump,
  jumpsLead,
  renderIpv6Rules,
  renderRules,
  toJumps,
} from './firewall-rules.ts'

/** Keeps tenants from the host, from link-local addresses and from each other, whatever the engine's own rules say. */
export interface Firewall {
  /**
   * Puts everything in place for the bridges that there are and one that will be; repeating it repairs what someone
   * else removed. Throws when it cannot.
   */
  ensure(coming?: string): Promise<void>
  remove(): Promise<void>
}

export const noFirewall: Firewall = {
  ensure: () => Promise.resolve(),
  remove: () => Promise.resolve(),
}

export function createFirewall(layout: FirewallLayout, log: FastifyBaseLogger): Firewall {
  let last = Promise.resolve()
  let ipv6 = true
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
  const ensureIpv6 = async (): Promise<void> => {
    try {
      await apply('ip6tables', layout, renderIpv6Rules(layout))
    } catch (error) {
      // Hosts without IPv6 have no such table; teams' networks have no IPv6 either way.
      if (ipv6) log.warn({ err: error }, 'no IPv6 firewall')
      ipv6 = false
    }
  }
  return {
    ensure: (coming) =>
      inTurn(async () => {
        const bridges = new Set(await listBridges(layout.prefix))
        if (coming !== undefined) bridges.add(coming)
        await apply('iptables', layout, renderRules(layout, [...bridges]))
        if (ipv6) await ensureIpv6()
      }),
    remove: () =>
      inTurn(async () => {
        for (const family of ['iptables', 'ip6tables'] as const) await clear(family, layout)
      }),
  }
}

/** From the kernel: the rules must not wait for an engine that is down. */
const listBridges = async (prefix: string): Promise<string[]> =>
  (await readdir('/sys/class/net')).filter((name) => name.startsWith(`${prefix}-`))

type Family = 'iptables' | 'ip6tables'

async function apply(family: Family, layout: FirewallLayout, rules: string): Promise<void> {
  await run(`${family}-restore`, ['-w', '--noflush'], rules)
  for (const parent of ['INPUT', 'FORWARD'] as const) {
    const listing = await run(family, ['-w', '-S', parent])
    if (jumpsLead(layout, parent, listing)) continue
    for (const jump of toJumps(layout)) {
      if (jump.parent !== parent) continue
      // Inserted before the old one goes, so that there is no moment without it.
      await run(family, ['-w', '-I', parent, '1', ...jump.rule])
      await removeSurplus(family, jump)
    }
  }
}

async function removeSurplus(family: Family, { parent, rule }: Jump): Promise<void> {
  const listing = await run(family, ['-w', '-S', parent])
  const rules = listing.split('\n').filter((line) => line.startsWith('-A '))
  const numbers = rules.flatMap((line, index) =>
    line.includes(`${rule[0]} ${rule[1]} `) && line.endsWith(`-j ${rule.at(-1)}`) ? [index + 1] : [],
  )
  for (const number of numbers.slice(1).toReversed()) {
    await run(family, ['-w', '-D', parent, String(number)])
  }
}

async function clear(family: Family, layout: FirewallLayout): Promise<void> {
  const attempt = (args: string[]): Promise<boolean> =>
    run(family, ['-w', ...args]).then(
      () => true,
      () => false,
    )
  for (const { parent, rule } of toJumps(layout)) while (await attempt(['-D', parent, ...rule])) continue
  for (const chain of [inputChain(layout), forwardChain(layout)]) {
    await attempt(['-F', chain])
    await attempt(['-X', chain])
  }
}

async function run(program: string, args: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, args, input === undefined ? {} : { input })
  if (exitCode !== 0) throw new Error(`"${program} ${args.join(' ')}" failed: ${stderr.trim()}`)
  return stdout
}
