import { parseGpuSpec } from '@gpulab/simulated-host'
import { parseArgs } from 'node:util'
import { defaultStateDir } from './state-layout.ts'

/** Simulated cards of a machine without any; their names are those of the GPU types with a price. */
export const defaultGpus = '2x NVIDIA GeForce RTX 4090:24564,1x NVIDIA H100:81559'
const defaultPort = 7070
/** From the API's port to the gateway's, where none is given. */
const gatewayStep = 10

export interface UpOptions {
  stateDir: string
  /** 0: any free one. */
  port: number
  /** 0: any free one. */
  gatewayPort: number
  gpus: string
  detach: boolean
  smoke: boolean
  moosefs: boolean
}

export const upHelp = `npm run up [-- OPTIONS]: run the whole system on this machine

  --detach       come back when it is ready, and print "export" lines for the shell
  --smoke        run it once in a temporary folder: deploy, wait, exec, logs, rm; remove everything
  --state DIR    where it keeps everything
  --port PORT    of the API (${defaultPort})
  --gateway-port PORT
                 of the containers' ports (${defaultPort + gatewayStep})
  --gpus SPEC    simulated GPUs ("${defaultGpus}")
  --moosefs      with a MooseFS cell and a second host, for volumes that containers of both share (needs root)`

/** Reads the arguments of `up`. Undefined: help is asked for. Throws one sentence for what is wrong. */
export function readUpOptions(args: readonly string[], env: NodeJS.ProcessEnv): UpOptions | undefined {
  const { values } = parse(args, {
    state: { type: 'string' },
    port: { type: 'string', default: String(defaultPort) },
    'gateway-port': { type: 'string' },
    gpus: { type: 'string', default: defaultGpus },
    detach: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    moosefs: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (values.help) return undefined
  if (values.smoke && (values.detach || values.state !== undefined)) {
    throw new Error('--smoke runs in a temporary folder and ends by itself; leave out --state and --detach.')
  }
  parseGpuSpec(values.gpus)
  const port = toPort(values.port)
  return {
    stateDir: values.state ?? defaultStateDir(env, process.getuid?.() === 0),
    port,
    gatewayPort: toGatewayPort(values['gateway-port'], port),
    gpus: values.gpus,
    detach: values.detach,
    smoke: values.smoke,
    moosefs: values.moosefs,
  }
}

export interface DownOptions {
  stateDir: string
  purge: boolean
}

export const downHelp = `npm run down [-- OPTIONS]: stop what "npm run up" started

  --state DIR    the folder that "up" was given
  --purge        remove the folder too, with all containers in it`

/** Reads the arguments of `down`, as `readUpOptions` does. */
export function readDownOptions(args: readonly string[], env: NodeJS.ProcessEnv): DownOptions | undefined {
  const { values } = parse(args, {
    state: { type: 'string' },
    purge: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (values.help) return undefined
  return { stateDir: values.state ?? defaultStateDir(env, process.getuid?.() === 0), purge: values.purge }
}

function parse<O extends NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>>(
  args: readonly string[],
  options: O,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false })
  } catch (cause) {
    throw new Error(`${(cause as Error).message.split('. ')[0]}; --help shows the options.`, { cause })
  }
}

function toPort(text: string, option = '--port'): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new Error(`"${text}" is not a port; give a number up to 65535 with ${option}.`)
}

function toGatewayPort(text: string | undefined, port: number): number {
  if (text !== undefined) return toPort(text, '--gateway-port')
  return port === 0 || port + gatewayStep > 65_535 ? 0 : port + gatewayStep
}
