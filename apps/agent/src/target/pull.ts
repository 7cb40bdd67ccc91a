import { type Client, type control, type Target, targetWaitSeconds } from '@gpulab/contract'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { isHelloMissing } from './refusal.ts'

interface PullDeps extends Timing {
  readonly control: Client<typeof control>
  readonly log: FastifyBaseLogger
  readonly failPoint: FailPoint
  onHelloMissing(): void
}

/** Longer than the server's own wait, so that only a dead connection runs into it. */
const pullMs = (targetWaitSeconds + 5) * 1000
/** A server that answers without waiting is not asked in a tight loop. */
const intervalMinMs = 500

/** Asks for each newer target until the signal aborts. */
export async function pullTargets(
  deps: PullDeps,
  held: () => number,
  onTarget: (target: Target) => void,
  signal: AbortSignal,
): Promise<void> {
  const { control, clock, log } = deps
  const backoff = createBackoff(deps)
  for (;;) {
    const after = held()
    const askedAt = clock.monotonic()
    try {
      const { version, containers, volumes } = await control.target.get(
        { query: { after } },
        { signal, timeoutMs: pullMs },
      )
      backoff.reset()
      if (version !== after && containers !== null) {
        await deps.failPoint('agent.target.received')
        onTarget({ version, containers, volumes })
      } else if (clock.monotonic() - askedAt < intervalMinMs) await clock.wait(intervalMinMs, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (isHelloMissing(error)) deps.onHelloMissing()
      log.warn({ err: error }, 'the target could not be read')
      await backoff.wait(signal)
    }
  }
}
