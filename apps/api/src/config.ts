import { drainSettings, File, monitorSettings, readSettings, SecretFile, tlsSettings } from '@gpulab/http'
import { UplinkUrl, type VolumeDriver, volumeDrivers } from '@gpulab/contract'
import { z } from 'zod'

const JsonFile = File.transform((content, context) => {
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(content.toString()))
  } catch {
    context.addIssue({ code: 'custom', message: 'is not a JSON object of texts' })
    return z.NEVER
  }
})

/** `host:port`, or `unix:/path`, comma separated. */
const Listen = z.string().transform((text) => text.split(',').map((part) => part.trim()))

const Environment = z.object({
  GPULAB_LISTEN: Listen.default(['127.0.0.1:7070']).describe(
    'Where to listen: host:port or unix:/path, several with commas.',
  ),
  ...tlsSettings,
  ...monitorSettings,
  ...drainSettings,
  DATABASE_URL: z.string().optional().describe('PostgreSQL 15 or newer. Without it: an embedded server.'),
  GPULAB_DATA_DIR: z
    .string()
    .default('/var/lib/gpulab/postgres')
    .describe('Where the embedded server keeps its data.'),
  GPULAB_PEPPER_FILE: SecretFile.describe(
    'A file with at least 16 random characters, that API keys and host sessions are made with.',
  ),
  GPULAB_ENCRYPTION_KEY_FILE: SecretFile.refine((text) => /^[0-9a-f]{64}$/i.test(text), {
    error: 'must hold 64 hexadecimal digits (openssl rand -hex 32)',
  }).describe('A file with 64 hexadecimal digits, that secrets are encrypted with.'),
  GPULAB_GATEWAY_KEY_FILE: SecretFile.optional().describe(
    'A file with at least 16 random characters, that gateways show. Without it there are none.',
  ),
  GPULAB_PROXY_URL: z.url().optional().describe("The gateway's domain, as in https://proxy.example.com."),
  GPULAB_UPLINK_URL: UplinkUrl.optional().describe(
    'Where agents reach this replica, and no other one, as in https://api-1.example.com: for several over one database.',
  ),
  GPULAB_STAND_INS_FILE: JsonFile.optional().describe(
    'JSON: image to the stand-in used for it where no registry is reachable.',
  ),
  GPULAB_REGISTRIES: z
    .string()
    .default('')
    .transform((list) =>
      list
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    )
    .describe('Registries by address or local name that images may come from, with commas: 10.0.0.5:5000.'),
  GPULAB_VOLUME_DRIVER: z
    .enum(volumeDrivers)
    .default('local')
    .describe('Kind of the volumes that do not ask for one: local, moosefs or nfs (local).'),
  GPULAB_BALANCE_WARNING: z.coerce
    .number()
    .min(0)
    .default(3600)
    .describe('Seconds for which containers of a prepaid team go on after its balance is used up (3600).'),
  GPULAB_RATE_FACTOR: z.coerce
    .number()
    .positive()
    .default(1)
    .describe('How much more than by default users may ask for in a time: 2 is twice as much.'),
  GPULAB_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('debug, info (as it is), warn, error or silent.'),
})

export interface Config {
  readonly listen: readonly string[]
  /** Undefined: nowhere. */
  readonly monitorListen: string | undefined
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  readonly databaseUrl: string | undefined
  readonly dataDir: string
  readonly pepper: string
  readonly encryptionKey: Buffer
  /** Undefined: no gateway may call. */
  readonly gatewayKey: string | undefined
  readonly proxyUrl: URL | undefined
  /** Undefined: hosts are reached through the API that their agents are told to dial, if that is this one. */
  readonly uplinkUrl: string | undefined
  readonly standIns: Readonly<Record<string, string>>
  /** Registries that are allowed although they are addresses or local names. */
  readonly registries: readonly string[]
  readonly volumeDriver: VolumeDriver
  readonly balanceWarningMs: number
  /** What rate limits are multiplied with. */
  readonly rateFactor: number
  readonly logLevel: string
}

const toFlag = (name: string): string =>
  name
    .replace(/^GPULAB_/, '')
    .toLowerCase()
    .replaceAll('_', '-')

/** Each setting is an environment variable, and a flag if it is no secret: other users can see those. The flag wins. */
export const settings = Object.entries(Environment.shape).map(([name, schema]) => ({
  name,
  flag: name === 'DATABASE_URL' ? undefined : toFlag(name),
  description: schema.description ?? '',
}))

/** The environment with the flags that were given in the place of variables. */
export const withFlags = (
  environment: NodeJS.ProcessEnv,
  flags: Readonly<Record<string, unknown>>,
): NodeJS.ProcessEnv => ({
  ...environment,
  ...Object.fromEntries(
    settings.flatMap(({ name, flag = '' }) => (typeof flags[flag] === 'string' ? [[name, flags[flag]]] : [])),
  ),
})

/** Reads the environment, with all that is wrong with it in one error. No value is printed. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const env = readSettings(
    Environment,
    environment,
    'gpulab-api --help lists them all; docs/operators.md shows how to make the key files.',
  )
  return {
    listen: env.GPULAB_LISTEN,
    monitorListen: env.GPULAB_MONITOR_LISTEN,
    drainDelayMs: env.GPULAB_DRAIN_DELAY * 1000,
    drainTimeoutMs: env.GPULAB_DRAIN_TIMEOUT * 1000,
    tls:
      env.GPULAB_TLS_CERT && env.GPULAB_TLS_KEY
        ? { cert: env.GPULAB_TLS_CERT, key: env.GPULAB_TLS_KEY }
        : undefined,
    databaseUrl: env.DATABASE_URL,
    dataDir: env.GPULAB_DATA_DIR,
    pepper: env.GPULAB_PEPPER_FILE,
    encryptionKey: Buffer.from(env.GPULAB_ENCRYPTION_KEY_FILE, 'hex'),
    gatewayKey: env.GPULAB_GATEWAY_KEY_FILE,
    proxyUrl: env.GPULAB_PROXY_URL === undefined ? undefined : new URL(env.GPULAB_PROXY_URL),
    uplinkUrl: env.GPULAB_UPLINK_URL,
    standIns: env.GPULAB_STAND_INS_FILE ?? {},
    registries: env.GPULAB_REGISTRIES,
    volumeDriver: env.GPULAB_VOLUME_DRIVER,
    balanceWarningMs: env.GPULAB_BALANCE_WARNING * 1000,
    rateFactor: env.GPULAB_RATE_FACTOR,
    logLevel: env.GPULAB_LOG_LEVEL,
  }
}
