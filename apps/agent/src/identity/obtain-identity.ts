import { GpulabError, type HostCheck } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import { systemTiming } from '../clock.ts'
import { type Config, ConfigError, requireSecure } from '../config.ts'
import { type Identity, readIdentity } from './identity-file.ts'
import { joinControlPlane } from './join.ts'
import { readTokenFile } from './read-token.ts'

type IdentityConfig = Pick<Config, 'apiUrl' | 'hostName' | 'insecure' | 'stateDir' | 'joinTokenFile'>

interface ObtainDeps {
  readonly log: FastifyBaseLogger
  /** What is well with this machine and what is not. */
  selfTest(): Promise<readonly HostCheck[]>
}

/**
 * Who this machine is. One that has not joined yet joins with the token of `GPULAB_JOIN_TOKEN_FILE`, and waits as
 * long as the control plane is away, or takes it for connected that had its name before.
 * Nobody is there to answer, so what the self-test finds is logged and keeps it from nothing: the agent does not start
 * without its firewall anyway, and once it has joined administrators see its checks.
 */
export async function obtainIdentity(
  config: IdentityConfig,
  { log, selfTest }: ObtainDeps,
  signal: AbortSignal,
): Promise<Identity> {
  const known = await readIdentity(config.stateDir)
  if (known) {
    const apiUrl = config.apiUrl ?? known.apiUrl
    requireSecure(apiUrl, config.insecure)
    return { ...known, apiUrl }
  }
  const { apiUrl, joinTokenFile } = config
  if (joinTokenFile === undefined) {
    throw new ConfigError(
      'This machine has not joined a control plane. Get a token (gpulab hosts add), then: gpulab-agent join --api URL',
    )
  }
  if (apiUrl === undefined) throw new ConfigError('GPULAB_API_URL (--api-url): is missing')
  const token = await readTokenFile(joinTokenFile)
  for (const { name, level, message } of await selfTest()) {
    if (level !== 'ok') log[level === 'failure' ? 'error' : 'warn']({ check: name }, message)
  }
  signal.throwIfAborted()
  return keepJoining({ ...config, apiUrl, token }, log, signal)
}

type JoinSettings = IdentityConfig & { readonly apiUrl: string; readonly token: string }

async function keepJoining(
  settings: JoinSettings,
  log: FastifyBaseLogger,
  signal: AbortSignal,
): Promise<Identity> {
  const backoff = createBackoff(systemTiming)
  for (;;) {
    try {
      const identity = await joinControlPlane(settings, signal)
      log.info({ host: identity.hostUuid, name: identity.hostName }, 'this machine has joined')
      return identity
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof GpulabError) || isFinal(error)) throw error
      log.warn({ err: error }, 'could not join yet')
      await backoff.wait(signal)
    }
  }
}

/** The same attempt would be refused again. A host that is still connected will be silent if it is this machine. */
const isFinal = ({ status, code }: GpulabError): boolean =>
  status >= 400 && status < 500 && status !== 429 && code !== 'host_wrong_state'
