/** Our chains in the filter table, and what leads packets into them. */
export interface FirewallLayout {
  readonly chain: string
  /** Every team's bridge is called `<prefix>-<8 hex digits>`. */
  readonly prefix: string
  /** TCP ports that no tenant may reach anywhere: who serves volumes there takes this host's address for its word. */
  readonly closedPorts: readonly string[]
}

/** Marks the jumps of every agent of this machine: each wants to be first, and they need not fight over it. */
export const jumpComment = 'gpulab-agent'

const metadataRange = '169.254.0.0/16'
const established = ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED']

export const inputChain = ({ chain }: FirewallLayout): string => `${chain}-IN`
export const forwardChain = ({ chain }: FirewallLayout): string => `${chain}-FWD`

/** A rule that leads into one of our chains: built-in chain and rule. */
export interface Jump {
  readonly parent: 'INPUT' | 'FORWARD'
  readonly rule: readonly string[]
}

export function toJumps(layout: FirewallLayout): Jump[] {
  const comment = ['-m', 'comment', '--comment', jumpComment]
  const any = `${layout.prefix}-+`
  return [
    { parent: 'INPUT', rule: ['-i', any, ...comment, '-j', inputChain(layout)] },
    { parent: 'FORWARD', rule: ['-i', any, ...comment, '-j', forwardChain(layout)] },
    { parent: 'FORWARD', rule: ['-o', any, ...comment, '-j', forwardChain(layout)] },
  ]
}

/**
 * What `iptables-restore --noflush` takes: it replaces our chains as a whole, in one transaction. A bridge that is
 * not listed yet is closed to itself too, so a late rule fails safe. RETURN leaves the decision to the engine's
 * and the operator's own rules.
 */
export function renderRules(layout: FirewallLayout, bridges: readonly string[]): string {
  const input = inputChain(layout)
  const forward = forwardChain(layout)
  const any = `${layout.prefix}-+`
  const rules = [
    [input, ...established, '-j', 'ACCEPT'],
    [input, '-d', metadataRange, '-j', 'REJECT'],
    [input, '-j', 'DROP'],
    // With bridge-nf-call-iptables, frames between two containers of one bridge pass here too.
    ...bridges.map((bridge) => [forward, '-i', bridge, '-o', bridge, '-j', 'RETURN']),
    [forward, '-i', any, '-d', metadataRange, '-j', 'REJECT'],
    ...layout.closedPorts.map((ports) => [forward, '-i', any, '-p', 'tcp', '--dport', ports, '-j', 'REJECT']),
    [forward, '-i', any, '-o', any, '-j', 'DROP'],
    [forward, '-o', any, ...established, '-j', 'RETURN'],
    [forward, '-o', any, '-j', 'DROP'],
  ]
  return toRestoreInput([input, forward], rules)
}

/** Tenants have no IPv6: link-local addresses of the host would otherwise get round the rules above. */
export function renderIpv6Rules(layout: FirewallLayout): string {
  const chains = [inputChain(layout), forwardChain(layout)]
  return toRestoreInput(
    chains,
    chains.map((chain) => [chain, '-j', 'DROP']),
  )
}

const toRestoreInput = (chains: readonly string[], rules: readonly (readonly string[])[]): string =>
  [
    '*filter',
    ...chains.map((chain) => `:${chain} - [0:0]`),
    ...rules.map(([chain, ...rule]) => `-A ${chain} ${rule.join(' ')}`),
    'COMMIT',
    '',
  ].join('\n')

/** Whether our jumps stand in `listing` (`iptables -S <parent>`) before all rules that are no agent's. */
export function jumpsLead(layout: FirewallLayout, parent: Jump['parent'], listing: string): boolean {
  const rules = listing.split('\n').filter((line) => line.startsWith('-A '))
  const firstForeign = rules.findIndex((line) => !line.includes(jumpComment))
  const leading = firstForeign === -1 ? rules : rules.slice(0, firstForeign)
  return toJumps(layout)
    .filter((jump) => jump.parent === parent)
    .every(({ rule }) => leading.some((line) => matches(line, rule)))
}

const matches = (line: string, rule: readonly string[]): boolean =>
  line.includes(`${rule[0]} ${rule[1]} `) && line.endsWith(`-j ${rule.at(-1)}`)
