import { guestPath } from '@gpulab/guest'
import { isLoopback } from '@gpulab/transport'
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'

const sizePattern = /^(?:(\d+)|(\d+(?:\.\d+)?)([KMGT]iB))$/
const powerOf = { KiB: 1, MiB: 2, GiB: 3, TiB: 4 }

function toBytes(text: string): number {
  const [, bytes, digits, unit] = sizePattern.exec(text) ?? []
  return Number(bytes ?? Math.floor(Number(digits) * 1024 ** powerOf[unit as keyof typeof powerOf]))
}

/** Each setting is an environment variable `GPULAB_<NAME>` and a flag `--<name>`; the flag wins. */
const settings = {
  GPULAB_API_URL: {
    help: 'the control plane: http(s)://… or unix:/path (default: the one that was joined)',
    schema: z
      .string()
      .regex(/^(https?:\/\/[^\s]+|unix:\/[^\s]+)$/, 'must be http(s)://… or unix:/path')
      .optional(),
  },
  GPULAB_HOST_NAME: {
    help: "this host's name there when it joins (default: the machine's)",
    schema: z.string().min(1).max(255).default(hostname()),
  },
  GPULAB_STATE_DIR: {
    help: "folder of the host's key (default /var/lib/gpulab/agent)",
    schema: z.string().startsWith('/').default('/var/lib/gpulab/agent'),
  },
  GPULAB_JOIN_TOKEN_FILE: {
    help: 'file with a join token, for a first start that joins by itself',
    schema: z.string().min(1).optional(),
  },
  GPULAB_GUEST_DIR: {
    help: 'folder that containers get parts of to see, at the same path for agent and engine (default: guest, in the state folder)',
    schema: z.string().startsWith('/').optional(),
  },
  GPULAB_GUEST_PROGRAM: {
    help: 'the program that serves sessions in containers (default: the one that comes with the agent)',
    schema: z.string().startsWith('/').optional(),
  },
  GPULAB_VOLUMES_DIR: {
    help: 'folder in which volumes are kept and mounted, at the same path for agent and engine (default: volumes, in the state folder)',
    schema: z.string().startsWith('/').optional(),
  },
  GPULAB_LOCAL_VOLUMES: {
    help: 'image, folder (whose size nothing enforces), or auto: images where this machine can mount them (default auto)',
    schema: z.enum(['auto', 'image', 'folder']).default('auto'),
  },
  GPULAB_MOOSEFS_MASTER: {
    help: 'master of a MooseFS cell, as host or host:port, for volumes that hosts share',
    schema: z
      .string()
      .regex(/^[^\s:]+(:\d+)?$/, 'must be host or host:port')
      .optional(),
  },
  GPULAB_MOOSEFS_FOLDER: {
    help: 'folder of the cell that holds the volumes (default /gpulab)',
    schema: z.string().startsWith('/').default('/gpulab'),
  },
  GPULAB_MOOSEFS_PASSWORD_FILE: {
    help: "file with the password of the cell's exports",
    schema: z.string().startsWith('/').optional(),
  },
  GPULAB_NFS_EXPORT: {
    help: 'server:/folder of an NFS export, for volumes that hosts share and whose sizes nothing enforces',
    schema: z
      .string()
      .regex(/^[^\s:]+:\/\S*$/, 'must be server:/folder')
      .optional(),
  },
  GPULAB_NFS_OPTIONS: {
    help: 'options of its mount (default nfsvers=4.2)',
    schema: z
      .string()
      .regex(/^[^\s]+$/, 'must be options with commas between them')
      .default('nfsvers=4.2'),
  },
  GPULAB_INSECURE: {
    help: 'let sessions go over plain http to other machines (true or false)',
    schema: z.stringbool().default(false),
  },
  DOCKER_HOST: {
    help: 'the engine (default unix:///var/run/docker.sock)',
    schema: z
      .string()
      .regex(/^unix:\/\/\/.+$/, 'must be unix:///path')
      .default('unix:///var/run/docker.sock')
      .transform((url) => url.slice('unix://'.length)),
  },
  GPULAB_AGENT_SOCKET: {
    help: 'Unix socket for the operator (default /run/gpulab/agent.sock)',
    schema: z.string().startsWith('/').max(107).default('/run/gpulab/agent.sock'),
  },
  GPULAB_MONITOR_LISTEN: {
    help: 'where to serve /metrics, /healthz and /readyz: host:port or unix:/path (default: nowhere)',
    schema: z.string().min(1).optional(),
  },
  GPULAB_NVIDIA_SMI: { help: 'default nvidia-smi', schema: z.string().min(1).default('nvidia-smi') },
  GPULAB_BRIDGE_PREFIX: {
    help: "beginning of the team bridges' names (default gl)",
    schema: z
      .string()
      // With "-" and 8 digits an interface's name has to stay within 15 characters.
      .regex(/^[a-z][a-z0-9]{0,5}$/, 'must be a letter and at most 5 letters or digits')
      .default('gl'),
  },
  GPULAB_ADDRESS_POOL: {
    help: "IPv4 range for team networks (default: the engine's own pools)",
    schema: z.cidrv4().optional(),
  },
  GPULAB_FIREWALL: {
    help: 'on or off (default on)',
    schema: z
      .enum(['on', 'off'])
      .default('on')
      .transform((text) => text === 'on'),
  },
  GPULAB_FIREWALL_CHAIN: {
    help: "beginning of the firewall chains' names (default GPULAB)",
    schema: z
      .string()
      // With "-FWD" a chain's name has to stay within 28 characters.
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,23}$/, 'must be a letter and at most 23 letters, digits, "_" or "-"')
      .default('GPULAB'),
  },
  GPULAB_GPU_INJECTION: {
    help: 'nvidia or cdi (default nvidia)',
    schema: z.enum(['nvidia', 'cdi']).default('nvidia'),
  },
  GPULAB_DEPLOY_TIMEOUT: {
    help: 'seconds until an attempt to run a container is given up, its pull included (default 900)',
    schema: z.coerce.number().min(1).max(86_400).default(900),
  },
  GPULAB_MEMORY: {
    help: "memory that may be promised to containers, as 64GiB or in bytes (default: the machine's, less 1/32 of it and at least 1 GiB)",
    schema: z
      .string()
      .regex(sizePattern, 'must be bytes or a number with KiB, MiB, GiB or TiB')
      .transform(toBytes)
      .optional(),
  },
  GPULAB_OVERCOMMIT: {
    help: 'promise so many times the memory and the CPUs: for trials with simulated GPUs (default 1)',
    schema: z.coerce.number().min(0.1).max(1000).default(1),
  },
  GPULAB_ORPHANS: {
    help: 'remove or report what the control plane has forgotten (default remove)',
    schema: z.enum(['remove', 'report']).default('remove'),
  },
  GPULAB_ORPHAN_GRACE: {
    help: 'seconds for which it has to be forgotten before it is removed (default 600)',
    schema: z.coerce.number().min(1).max(31_536_000).default(600),
  },
  GPULAB_LOG_LEVEL: {
    help: 'trace, debug, info, warn, error or silent (default info)',
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  },
}

type Settings = typeof settings
type Values = { readonly [K in keyof Settings]: z.output<Settings[K]['schema']> }

const flagOf = (name: string): string =>
  name
    .replace(/^GPULAB_/, '')
    .toLowerCase()
    .replaceAll('_', '-')

export interface Config {
  /** Undefined: the one that was joined. */
  readonly apiUrl: string | undefined
  readonly hostName: string
  readonly stateDir: string
  readonly joinTokenFile: string | undefined
  readonly guestDir: string
  readonly guestProgram: string
  readonly volumesDir: string
  readonly localVolumes: 'auto' | 'image' | 'folder'
  readonly moosefs:
    | { readonly master: string; readonly folder: string; readonly passwordFile: string | undefined }
    | undefined
  readonly nfs: { readonly source: string; readonly options: string } | undefined
  readonly insecure: boolean
  readonly engineSocket: string
  readonly agentSocket: string
  /** Undefined: nowhere. */
  readonly monitorListen: string | undefined
  readonly nvidiaSmi: string
  readonly bridgePrefix: string
  readonly addressPool: string | undefined
  readonly firewall: boolean
  readonly firewallChain: string
  readonly gpuInjection: 'nvidia' | 'cdi'
  readonly deployTimeoutMs: number
  readonly memoryBytes: number | undefined
  readonly overcommit: number
  readonly orphans: 'remove' | 'report'
  readonly orphanGraceMs: number
  readonly logLevel: string
}

/** Its message names every problem, one a line. */
export class ConfigError extends Error {}

/** Flags that only one command has. */
type OwnFlags = Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>

/** Reads flags and environment once. */
export const readConfig = (args: readonly string[], env: NodeJS.ProcessEnv): Config =>
  readCommand(args, env, {}).config

/** As `readConfig`, for a command that has flags of its own beside the settings. */
export function readCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  own: OwnFlags,
): { config: Config; flags: Readonly<Record<string, string | boolean | undefined>> } {
  const flags = readFlags(args, own)
  const schema = z.object(
    Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, setting.schema])),
  )
  const parsed = schema.safeParse({ ...pickSet(env), ...toSettings(flags) })
  if (!parsed.success) throw new ConfigError(describe(parsed.error))
  // The object schema was made from the very table that Values is made from.
  const values = parsed.data as Values
  const config = toConfig(values)
  if (config.apiUrl !== undefined) requireSecure(config.apiUrl, config.insecure)
  return { config, flags }
}

const toConfig = (values: Values): Config => ({
  apiUrl: values.GPULAB_API_URL,
  hostName: values.GPULAB_HOST_NAME,
  stateDir: values.GPULAB_STATE_DIR,
  joinTokenFile: values.GPULAB_JOIN_TOKEN_FILE,
  guestDir: values.GPULAB_GUEST_DIR ?? join(values.GPULAB_STATE_DIR, 'guest'),
  guestProgram: values.GPULAB_GUEST_PROGRAM ?? findGuestProgram(),
  volumesDir: values.GPULAB_VOLUMES_DIR ?? join(values.GPULAB_STATE_DIR, 'volumes'),
  localVolumes: values.GPULAB_LOCAL_VOLUMES,
  moosefs:
    values.GPULAB_MOOSEFS_MASTER === undefined
      ? undefined
      : {
          master: values.GPULAB_MOOSEFS_MASTER,
          folder: values.GPULAB_MOOSEFS_FOLDER,
          passwordFile: values.GPULAB_MOOSEFS_PASSWORD_FILE,
        },
  nfs:
    values.GPULAB_NFS_EXPORT === undefined
      ? undefined
      : { source: values.GPULAB_NFS_EXPORT, options: values.GPULAB_NFS_OPTIONS },
  insecure: values.GPULAB_INSECURE,
  engineSocket: values.DOCKER_HOST,
  agentSocket: values.GPULAB_AGENT_SOCKET,
  monitorListen: values.GPULAB_MONITOR_LISTEN,
  nvidiaSmi: values.GPULAB_NVIDIA_SMI,
  bridgePrefix: values.GPULAB_BRIDGE_PREFIX,
  addressPool: values.GPULAB_ADDRESS_POOL,
  firewall: values.GPULAB_FIREWALL,
  firewallChain: values.GPULAB_FIREWALL_CHAIN,
  gpuInjection: values.GPULAB_GPU_INJECTION,
  deployTimeoutMs: values.GPULAB_DEPLOY_TIMEOUT * 1000,
  memoryBytes: values.GPULAB_MEMORY,
  overcommit: values.GPULAB_OVERCOMMIT,
  orphans: values.GPULAB_ORPHANS,
  orphanGraceMs: values.GPULAB_ORPHAN_GRACE * 1000,
  logLevel: values.GPULAB_LOG_LEVEL,
})

/** Beside the bundle, or built in the checkout. */
function findGuestProgram(): string {
  const bundled = join(import.meta.dirname, 'guest', process.arch, 'gpulab-guest')
  return existsSync(bundled) ? bundled : guestPath()
}

/** An empty variable is as good as none. */
const pickSet = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(Object.keys(settings).flatMap((name) => (env[name] ? [[name, env[name]]] : [])))

function readFlags(args: readonly string[], own: OwnFlags): Record<string, string | boolean | undefined> {
  const options = Object.fromEntries(
    Object.keys(settings).map((name) => [flagOf(name), { type: 'string' as const }]),
  )
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, ...own },
      allowPositionals: false,
    })
    return values
  } catch (cause) {
    throw new ConfigError((cause as Error).message, { cause })
  }
}

const toSettings = (flags: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.keys(settings).flatMap((name) => {
      const value = flags[flagOf(name)]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )

const describe = (error: z.ZodError): string =>
  error.issues
    .map(({ path, message }) => {
      const name = String(path[0])
      const text = message.includes('received undefined') ? 'is missing' : message
      return `${name} (--${flagOf(name)}): ${text}`
    })
    .join('\n')

/** Throws where sessions would go over plain http to another machine. */
export function requireSecure(apiUrl: string, insecure: boolean): void {
  const parsed = URL.parse(apiUrl)
  if (parsed?.protocol === 'http:' && !insecure && !isLoopback(parsed.hostname)) {
    throw new ConfigError(
      `GPULAB_API_URL (--api-url): sessions would go to ${parsed.host} over plain http; use https or GPULAB_INSECURE=true`,
    )
  }
}

export const settingsHelp = (): string =>
  Object.entries(settings)
    .map(([name, { help }]) => `  --${flagOf(name).padEnd(16)} ${name.padEnd(23)} ${help}`)
    .join('\n')
