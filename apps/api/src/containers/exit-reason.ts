import { type ContainerFacts, type ExitReason, toExitSignal } from '@gpulab/contract'

/** How a run ended; of facts with an exit code. */
export const toExitReason = ({
  exit_code,
  oom_killed,
  finished_at,
}: Pick<ContainerFacts, 'exit_code' | 'oom_killed' | 'finished_at'>): ExitReason => ({
  exit_code: exit_code ?? 0,
  signal: toExitSignal(exit_code),
  oom_killed,
  finished_at: toTimestamp(finished_at),
})

/** The engine's times have nanoseconds. */
export const toTimestamp = (engineTime: string | null | undefined): string | null =>
  engineTime == null ? null : new Date(engineTime).toISOString()
