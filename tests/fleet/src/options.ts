import { parseArgs } from 'node:util'

export interface FleetOptions {
  readonly hosts: number
  readonly containers: number
  /** Of each timed phase. */
  readonly seconds: number
  /** Creating clients at a time. */
  readonly clients: number
  readonly drivers: number
  readonly uplinks: boolean
  readonly jsonFile: string | undefined
  /** Node flags of the API, to profile it. */
  readonly apiFlags: readonly string[]
  readonly profile: boolean
  /** Where logs and profiles are left. */
  readonly outDir: string | undefined
}

export const fleetHelp = `npm run bench:fleet [-- OPTIONS]: the control plane under a fleet of simulated hosts

  --hosts N        simulated agents, of 8 GPUs each (1000)
  --containers N   to fill them with (20 for each host)
  --seconds N      of the steady and of each timed phase (30)
  --clients N      clients that deploy at a time (32)
  --drivers N      processes for the agents (1)
  --no-uplinks     agents hold no uplink
  --json FILE      the figures as JSON
  --api-flags=F    flags for the API's Node, as in --api-flags=--cpu-prof
  --profile        list the statements that PostgreSQL spends its time on
  --out DIR        leave the API's log and profiles there`

/** Throws one sentence for what is wrong. */
export function readFleetOptions(args: readonly string[]): FleetOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      hosts: { type: 'string', default: '1000' },
      containers: { type: 'string' },
      seconds: { type: 'string', default: '30' },
      clients: { type: 'string', default: '32' },
      drivers: { type: 'string', default: '1' },
      uplinks: { type: 'boolean', default: true },
      json: { type: 'string' },
      'api-flags': { type: 'string', default: '' },
      profile: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const hosts = toCount('hosts', values.hosts)
  return {
    hosts,
    containers: values.containers === undefined ? hosts * 20 : toCount('containers', values.containers),
    seconds: toCount('seconds', values.seconds),
    clients: toCount('clients', values.clients),
    drivers: toCount('drivers', values.drivers),
    uplinks: values.uplinks,
    jsonFile: values.json,
    apiFlags: values['api-flags'].split(' ').filter(Boolean),
    profile: values.profile,
    outDir: values.out,
  }
}

function toCount(name: string, text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new Error(`--${name} takes a number of at least 1, and "${text}" is none; --help shows the options.`)
}
