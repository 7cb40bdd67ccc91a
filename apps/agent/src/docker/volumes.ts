import type { Engine } from './connect.ts'
import { callEngine, hasStatus } from './errors.ts'

const removeMs = 60_000

/** False when a container has it. */
export async function removeVolume(engine: Engine, name: string): Promise<boolean> {
  try {
    await callEngine(() => engine.getVolume(name).remove({ abortSignal: AbortSignal.timeout(removeMs) }))
    return true
  } catch (error) {
    if (hasStatus(error, 404)) return true
    if (hasStatus(error, 409)) return false
    throw error
  }
}
