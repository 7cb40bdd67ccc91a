import { join } from 'node:path'
import { systemPath, tryCommand } from '@gpulab/images'
import { checkout, nodeBinary } from '../checkout.ts'
import { startPart, type Part } from '../part.ts'
import type { HostLayout } from '../state-layout.ts'
import type { CellSettings } from './moosefs.ts'

export const agentProgram = join(checkout, 'apps/agent/src/main.ts')

export interface AgentTarget {
  apiUrl: string
  /** Whether its GPUs are simulated: then its containers only act as if they needed the memory of real ones. */
  isSimulated: boolean
  dockerHost: string
  nvidiaSmi: string
  /** Where it has volumes of a MooseFS cell. */
  settings?: CellSettings | undefined
}

/** Starts the agent on this machine. */
export function startAgent(layout: HostLayout, target: AgentTarget): Promise<Part> {
  return startPart({
    name: 'The agent',
    command: nodeBinary,
    args: [agentProgram],
    env: { PATH: systemPath(), ...agentEnvironment(layout, target), ...target.settings },
    logFile: layout.agentLog,
  })
}

/**
 * Removes the firewall rules and the mounts of volumes of an agent that ran on this machine, also of one that was killed;
 * and its networks from the engine that is named. Containers that stay need theirs.
 */
export async function cleanUpAfterAgent(
  { bridgePrefix, firewallChain, agentDir }: Pick<HostLayout, 'bridgePrefix' | 'firewallChain' | 'agentDir'>,
  dockerHost = 'unix:///nonexistent/docker.sock',
): Promise<void> {
  const env = {
    PATH: systemPath(),
    GPULAB_BRIDGE_PREFIX: bridgePrefix,
    GPULAB_FIREWALL_CHAIN: firewallChain,
    GPULAB_STATE_DIR: agentDir,
    DOCKER_HOST: dockerHost,
  }
  const { exitCode, stderr } = await tryCommand(nodeBinary, [agentProgram, 'cleanup'], {
    env,
    timeoutMs: 60_000,
  })
  if (exitCode !== 0) throw new Error(`What the agent left could not be removed: ${stderr.trim()}`)
}

/** A laptop can hold a template that asks for 32 GiB, and a few of them. */
const simulatedOvercommit = '16'

/** Settings of the agent: the names of everything it makes are this system's own. */
export function agentEnvironment(layout: HostLayout, target: AgentTarget): Record<string, string> {
  return {
    GPULAB_API_URL: target.apiUrl,
    GPULAB_HOST_NAME: layout.hostName,
    GPULAB_STATE_DIR: layout.agentDir,
    GPULAB_JOIN_TOKEN_FILE: layout.joinTokenFile,
    GPULAB_AGENT_SOCKET: layout.agentSocket,
    GPULAB_NVIDIA_SMI: target.nvidiaSmi,
    GPULAB_BRIDGE_PREFIX: layout.bridgePrefix,
    GPULAB_FIREWALL_CHAIN: layout.firewallChain,
    DOCKER_HOST: target.dockerHost,
    ...(target.isSimulated && { GPULAB_OVERCOMMIT: simulatedOvercommit }),
  }
}
