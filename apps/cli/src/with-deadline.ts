import type { GpulabError } from '@gpulab/contract'
import type { ApiContext } from './context.ts'

interface Deadline {
  readonly timeoutMs: number
  /** What it then fails with. */
  readonly toError: () => GpulabError
}

const timerMaxMs = 2 ** 31 - 1

/** Does the work with a context that aborts at the deadline. */
export async function withDeadline<T>(
  context: ApiContext,
  { timeoutMs, toError }: Deadline,
  work: (timed: ApiContext) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(toError()), Math.min(timeoutMs, timerMaxMs))
  try {
    return await work({ ...context, signal: AbortSignal.any([context.signal, controller.signal]) })
  } finally {
    clearTimeout(timer)
  }
}
