import type { TargetContainer } from '@gpulab/contract'
import { startMemoryAgent } from './memory-agent.ts'
import { type CallHooks, createMemoryEngine } from './memory-engine.ts'
import type { Program } from './memory-engine/world.ts'
import { createVirtualClock } from './virtual-clock.ts'

export const image = 'some/image:1'

/** A host in memory whose containers do what their environment's PROGRAM says. */
export function createHost(programs: Record<string, Program> = {}, hooks: CallHooks = {}) {
  const clock = createVirtualClock()
  const memory = createMemoryEngine({
    clock,
    programOf: ({ config }) => programs[findVariable(config.Env, 'PROGRAM')] ?? {},
  })
  memory.addImage(image, { Cmd: ['serve'], Volumes: { '/data': {} } })
  const start = (own: CallHooks = hooks) => startMemoryAgent({ memory, clock, ...own })
  return { clock, memory, start, agent: start() }
}
const findVariable = (env: readonly string[], key: string): string =>
  env.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1) ?? ''
export const nameOf = ({ uuid, generation }: TargetContainer): string => `gpulab-${uuid}-g${generation}`
