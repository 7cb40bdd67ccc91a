import { GpulabError } from '@gpulab/contract'
import { containerNotFound, containerNotRunning } from '../containers/find.ts'
import { EngineError, engineUnavailable } from '../docker/errors.ts'

/** What the engine's refusal to start a command means. */
export function toExecRefusal(error: unknown, uuid: string): unknown {
  if (!(error instanceof EngineError)) return error
  if (error.transient) return engineUnavailable(error)
  if (error.status === 404) return containerNotFound(uuid)
  if (error.status === 409) {
    return containerNotRunning(uuid)
  }
  return new GpulabError('command_failed', {
    message: `The command could not be run: ${error.message}`,
    cause: error,
  })
}
