import { eventually } from '@gpulab/testing'
import { type EngineContainer, findDisturbed, findFaults, type Observation } from './checkers.ts'
import type { FaultSystem } from './system.ts'

/** How long a system may take to be well again once nothing breaks any more. */
const wellMs = 60_000

export interface Expectations {
  /** Containers that nobody has asked anything of: they are the very same runs still. */
  readonly untouched?: readonly EngineContainer[]
  /** What else is missing. */
  readonly find?: (now: Observation) => readonly string[]
  readonly timeoutMs?: number
}

/** Waits until nothing is wrong, and throws what still is. A card that was shared is never forgiven. */
export async function untilWell(
  system: Pick<FaultSystem, 'observe' | 'gpuWatch'>,
  { untouched = [], find = () => [], timeoutMs = wellMs }: Expectations = {},
): Promise<void> {
  await eventually(
    async () => {
      const now = await system.observe()
      const faults = [...findFaults(now), ...findDisturbed(untouched, now.engine), ...find(now)]
      if (faults.length > 0) throw new Error(faults.join('\n'))
    },
    { timeoutMs, intervalMs: 100 },
  )
  if (system.gpuWatch.violations.length > 0) throw new Error(system.gpuWatch.violations.join('\n'))
}
