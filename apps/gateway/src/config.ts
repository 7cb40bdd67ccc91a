import { UplinkUrl } from '@gpulab/contract'
import { drainSettings, monitorSettings, readSettings, SecretFile, tlsSettings } from '@gpulab/http'
import { z } from 'zod'
import { parseTrustedProxies, type TrustedProxies } from './requests/client-addresses.ts'

const Proxies = z.string().transform((list, context) => {
  try {
    return parseTrustedProxies(list)
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message })
    return z.NEVER
  }
})
const ProxyUrl = z
  .url()
  .transform((url) => new URL(url))
  .refine(
    ({ protocol, pathname, hostname }) =>
      /^https?:$/.test(protocol) && pathname === '/' && hostname.includes('.'),
    {
      error: 'must be http(s)://domain[:port]',
    },
  )

const Environment = z.object({
  GPULAB_LISTEN: z.string().default('127.0.0.1:7080').describe('Where to listen: host:port or unix:/path.'),
  GPULAB_API_URL: z.string().describe('The API: http(s)://… or unix:/path.'),
  GPULAB_INSECURE: z
    .stringbool()
    .default(false)
    .describe('Let the key go over plain http to other machines.'),
  GPULAB_GATEWAY_KEY_FILE: SecretFile.describe('A file with the key that the API knows gateways by.'),
  GPULAB_PROXY_URL: ProxyUrl.describe('The domain of URLs, as users see it: https://proxy.example.com.'),
  GPULAB_UPLINK_URL: UplinkUrl.describe('Where agents reach this gateway, and no other one.'),
  ...tlsSettings,
  ...monitorSettings,
  ...drainSettings,
  GPULAB_TLS_CERT: tlsSettings.GPULAB_TLS_CERT.describe(
    'PEM certificate chain for *.domain; with GPULAB_TLS_KEY, to serve TLS.',
  ),
  GPULAB_TRUSTED_PROXIES: Proxies.default(parseTrustedProxies('')).describe(
    'Addresses of proxies in front, with commas: 10.0.0.0/8. Only their X-Forwarded-For and -Proto count.',
  ),
  GPULAB_ANSWER_TIMEOUT: z.coerce
    .number()
    .min(1)
    .max(86_400)
    .default(600)
    .describe('Seconds that a container may take until its answer begins.'),
  GPULAB_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('debug, info (as it is), warn, error or silent.'),
})

export interface Config {
  readonly listen: string
  /** Undefined: nowhere. */
  readonly monitorListen: string | undefined
  readonly drainDelayMs: number
  readonly drainTimeoutMs: number
  readonly apiUrl: string
  readonly insecure: boolean
  readonly gatewayKey: string
  readonly proxyUrl: URL
  readonly uplinkUrl: string
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined
  readonly trustedProxies: TrustedProxies
  readonly answerTimeoutMs: number
  readonly logLevel: string
}

export const settings = Object.entries(Environment.shape).map(([name, schema]) => ({
  name,
  description: schema.description ?? '',
}))

/** Reads the environment, with all that is wrong with it in one error. No value is printed. */
export function readConfig(environment: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const env = readSettings(
    Environment,
    given,
    'gpulab-gateway --help lists them all; docs/gateway.md shows how to set a gateway up.',
  )
  const { GPULAB_TLS_CERT: cert, GPULAB_TLS_KEY: key } = env
  return {
    listen: env.GPULAB_LISTEN,
    monitorListen: env.GPULAB_MONITOR_LISTEN,
    drainDelayMs: env.GPULAB_DRAIN_DELAY * 1000,
    drainTimeoutMs: env.GPULAB_DRAIN_TIMEOUT * 1000,
    apiUrl: env.GPULAB_API_URL,
    insecure: env.GPULAB_INSECURE,
    gatewayKey: env.GPULAB_GATEWAY_KEY_FILE,
    proxyUrl: env.GPULAB_PROXY_URL,
    uplinkUrl: env.GPULAB_UPLINK_URL,
    tls: cert && key ? { cert, key } : undefined,
    trustedProxies: env.GPULAB_TRUSTED_PROXIES,
    answerTimeoutMs: env.GPULAB_ANSWER_TIMEOUT * 1000,
    logLevel: env.GPULAB_LOG_LEVEL,
  }
}
