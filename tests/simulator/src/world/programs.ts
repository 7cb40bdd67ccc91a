import type { MemoryContainer, Program } from '../../../../apps/agent/test/memory-engine/world.ts'
import type { Random } from '../random.ts'

/** What the command of a container does. */
export const programKinds = ['server', 'job', 'crash', 'memory', 'stubborn', 'refused', 'missing'] as const
export type ProgramKind = (typeof programKinds)[number]

/** The last argument of each command is the mark of the request that made the container. */
export const markOf = ({ config }: MemoryContainer): string => config.Cmd?.at(-1) ?? ''

export function toProgram(kind: ProgramKind | undefined, random: Random): Program {
  switch (kind) {
    case 'job':
      return { exit: { code: 0, afterMs: random.int(200, 90_000) } }
    case 'crash':
      return { exit: { code: random.pick([1, 2, 139]), afterMs: random.int(10, 30_000) } }
    case 'memory':
      return { exit: { code: 137, afterMs: random.int(500, 60_000), oomKilled: true } }
    case 'stubborn':
      return { stopCode: null }
    case 'refused':
      return random.chance(0.5)
        ? { refusal: 'failed to create task: nvidia-container-cli: device error: unknown device: unknown' }
        : {}
    case 'missing':
      return {
        exit: { code: 127, afterMs: 20 },
        log: ['[FATAL tini (7)] exec nothing failed: No such file or directory'],
      }
    case 'server':
    case undefined:
      return {}
  }
}
