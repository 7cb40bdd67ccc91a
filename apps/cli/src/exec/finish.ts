import type { ApiContext } from '../context.ts'
import { requireExitCode } from '../sessions/ending.ts'
import type { Followed } from '../sessions/follow.ts'
import type { ExecInput } from './exec-input.ts'

/** Tells of an end that is not the command's own, and gives the exit code. */
export function finish(
  { output }: Pick<ApiContext, 'output'>,
  followed: Followed,
  { timeoutMs }: Pick<ExecInput, 'timeoutMs'>,
): number {
  if ('exitCode' in followed) return followed.exitCode
  const { ending } = followed
  const exitCode = requireExitCode(ending)
  if (ending.message !== null) output.warn(ending.message)
  if (ending.reason === 'timed_out' && timeoutMs !== undefined)
    output.warn(`The command was ended after ${timeoutMs / 1000} s; give it longer with --timeout.`)
  if (ending.reason === 'killed') output.warn('The session was killed.')
  if (ending.reason === 'expired') output.warn('The session was ended: nobody was attached for too long.')
  return exitCode
}
