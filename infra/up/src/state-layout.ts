import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** What is a host's alone. */
export interface HostLayout {
  hostName: string
  bridgePrefix: string
  firewallChain: string
  /** The agent's own: its key, and the token that it joins with at its first start. */
  agentDir: string
  identityFile: string
  joinTokenFile: string
  agentSocket: string
  agentLog: string
  engineDir: string
}

/** Where a system keeps what, and the names that keep several systems of one machine apart. */
export interface StateLayout extends HostLayout {
  stateDir: string
  /** Short word made from the state folder's path. */
  id: string
  logsDir: string
  keysDir: string
  pepperFile: string
  encryptionKeyFile: string
  gatewayKeyFile: string
  apiKeyFile: string
  runDir: string
  apiSocket: string
  postgresDir: string
  simulatedHostDir: string
  /** There once a MooseFS cell was asked for. */
  mooseFsDir: string
  /** The host that comes with it. */
  second: HostLayout
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
  const logsDir = join(stateDir, 'logs')
  const toHost = (suffix: string, bridgeLetter: string): HostLayout => {
    const agentDir = join(stateDir, `agent${suffix}`)
    return {
      hostName: `gpulab-${id}${suffix}`,
      // At most six characters: an interface's name holds 15, and the agent adds a dash and eight.
      bridgePrefix: `${bridgeLetter}${id.slice(0, 5)}`,
      firewallChain: `GPULAB-${id}${suffix}`,
      agentDir,
      identityFile: join(agentDir, 'identity.json'),
      joinTokenFile: join(agentDir, 'join-token'),
      agentSocket: join(runDir, `agent${suffix}.sock`),
      agentLog: join(logsDir, `agent${suffix}.log`),
      engineDir: join(stateDir, `engine${suffix}`),
    }
  }
  return {
    ...toHost('', 'g'),
    second: toHost('-2', 'h'),
    stateDir,
    id,
    logsDir,
    keysDir,
    pepperFile: join(keysDir, 'pepper'),
    encryptionKeyFile: join(keysDir, 'encryption-key'),
    gatewayKeyFile: join(keysDir, 'gateway-key'),
    apiKeyFile: join(keysDir, 'api-key'),
    runDir,
    apiSocket: join(runDir, 'api.sock'),
    postgresDir: join(stateDir, 'postgres'),
    simulatedHostDir: join(stateDir, 'host'),
    mooseFsDir: join(stateDir, 'moosefs'),
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
