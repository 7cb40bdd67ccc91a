import { guestPath } from '@gpulab/guest'
import { run } from '@gpulab/testing'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { createProgramPart, type Part } from './part.ts'
import { agentProgram } from './programs.ts'

export const hostName = 'host-one'

export interface Host {
  readonly agent: Part
  readonly logFile: string
}

/** An agent with names of its own for all that it makes on this machine. Not started. */
export function createHost(
  stack: AsyncDisposableStack,
  { dir, env }: { dir: string; env: NodeJS.ProcessEnv },
): Host {
  const id = randomBytes(2).toString('hex')
  const logFile = join(dir, 'agent.log')
  const own = {
    GPULAB_HOST_NAME: hostName,
    GPULAB_AGENT_SOCKET: join(dir, 'agent.sock'),
    GPULAB_BRIDGE_PREFIX: `f${id}`,
    GPULAB_FIREWALL_CHAIN: `GPULAB-F${id}`,
    GPULAB_DEPLOY_TIMEOUT: '120',
    GPULAB_GUEST_PROGRAM: guestPath(),
    ...env,
  }
  const agent = createProgramPart({ args: [agentProgram], env: own, logFile })
  stack.defer(() => run(process.execPath, [agentProgram, 'cleanup'], { env: own }).then(() => undefined))
  stack.defer(() => agent.stop())
  return { agent, logFile }
}
