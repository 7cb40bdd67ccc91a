import type { HostCheck } from '@gpulab/contract'
import { type Config, ConfigError, readCommand } from '../config.ts'
import { connectEngine } from '../docker/connect.ts'
import { readIdentity } from '../identity/identity-file.ts'
import { testMachine } from './checks.ts'
import { hasFailure, renderChecks } from './render.ts'

/** Shows what is well with this machine and what is not; 1 if something has failed. */
export async function runDoctor(args: readonly string[]): Promise<number> {
  const { config, flags } = readCommand(args, process.env, { json: { type: 'boolean' } })
  const { check, apiUrl } = await lookAtIdentity(config)
  const engine = connectEngine(config.engineSocket)
  const checks = [check, ...(await testMachine({ engine, config: { ...config, apiUrl } }))]
  const isWell = !hasFailure(checks)
  process.stdout.write(
    flags['json'] === true ? `${JSON.stringify({ ok: isWell, checks })}\n` : renderChecks(checks),
  )
  return isWell ? 0 : 1
}

async function lookAtIdentity({
  stateDir,
  apiUrl,
}: Config): Promise<{ check: HostCheck; apiUrl: string | undefined }> {
  const say = (level: HostCheck['level'], message: string): HostCheck => ({
    name: 'identity',
    level,
    message,
  })
  try {
    const identity = await readIdentity(stateDir)
    if (!identity) {
      const message = 'This machine has not joined a control plane yet: gpulab-agent join --api URL.'
      return { apiUrl, check: say('warning', message) }
    }
    const message = `Host ${identity.hostName} (${identity.hostUuid}) of ${identity.apiUrl}`
    return { apiUrl: apiUrl ?? identity.apiUrl, check: say('ok', message) }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { apiUrl, check: say('failure', error.message) }
  }
}
