import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where a system keeps what, and the names that keep several systems of one machine apart. */
export interface StateLayout {
  stateDir: string
  /** Short word made from the state folder's path. */
  id: string
  hostName: string
  bridgePrefix: string
  firewallChain: string
  logsDir: string
  keysDir: string
  pepperFile: string
  encryptionKeyFile: string
  gatewayKeyFile: string
  apiKeyFile: string
  /** The agent's own: its key, and the token that it joins with at its first start. */
  agentDir: string
  identityFile: string
  joinTokenFile: string
  runDir: string
  apiSocket: string
  agentSocket: string
  postgresDir: string
  engineDir: string
  simulatedHostDir: string
  standInsFile: string
  cliConfig: string
  runFile: string
  /** Shows that the folder is GPULab's, and may be emptied. */
  markerFile: string
  /** Shows that a system in it has been ready once. */
  readyFile: string
}

/** Lays out an absolute state folder. */
export function toStateLayout(stateDir: string): StateLayout {
  const id = createHash('sha256').update(stateDir).digest('hex').slice(0, 8)
  const keysDir = join(stateDir, 'keys')
  const runDir = join(stateDir, 'run')
  const agentDir = join(stateDir, 'agent')
  return {
    stateDir,
    id,
    hostName: `gpulab-${id}`,
    // At most six characters: an interface's name holds 15, and the agent adds a dash and eight.
    bridgePrefix: `g${id.slice(0, 5)}`,
    firewallChain: `GPULAB-${id}`,
    logsDir: join(stateDir, 'logs'),
    keysDir,
    pepperFile: join(keysDir, 'pepper'),
    encryptionKeyFile: join(keysDir, 'encryption-key'),
    gatewayKeyFile: join(keysDir, 'gateway-key'),
    apiKeyFile: join(keysDir, 'api-key'),
    agentDir,
    identityFile: join(agentDir, 'identity.json'),
    joinTokenFile: join(agentDir, 'join-token'),
    runDir,
    apiSocket: join(runDir, 'api.sock'),
    agentSocket: join(runDir, 'agent.sock'),
    postgresDir: join(stateDir, 'postgres'),
    engineDir: join(stateDir, 'engine'),
    simulatedHostDir: join(stateDir, 'host'),
    standInsFile: join(stateDir, 'stand-ins.json'),
    cliConfig: join(stateDir, 'cli', 'config.json'),
    runFile: join(stateDir, 'run.json'),
    markerFile: join(stateDir, '.gpulab-state'),
    readyFile: join(stateDir, '.ready'),
  }
}

/** Where a system lives when nobody says otherwise. */
export function defaultStateDir(env: NodeJS.ProcessEnv, isRoot: boolean): string {
  if (isRoot) return '/var/lib/gpulab/up'
  return resolve(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local/state'), 'gpulab')
}
