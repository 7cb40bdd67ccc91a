import { type Client, type control, heartbeatSeconds, type Report } from '@gpulab/contract'
import type { FailPoint } from '@gpulab/fail-points'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { createSignalBox } from '../signal-box.ts'
import { isHelloMissing, isRefused, isReplaced, isReportNeeded } from './refusal.ts'

/** What a look at the engine gave; the reporter adds who says so and when. */
export type Snapshot = Pick<Report, 'target_version' | 'engine' | 'containers'>

export interface Reporter {
  /** The newest snapshot replaces one that has not been sent yet. */
  offer(snapshot: Snapshot): void
  /** Takes back what has not been sent yet; the control plane knows nothing of what has. */
  forget(): void
  /** Sends until the signal aborts; rejects with `boot_replaced` when another agent has taken over. */
  run(signal: AbortSignal): Promise<void>
}

interface ReporterDeps extends Timing {
  readonly control: Client<typeof control>
  readonly bootId: string
  readonly log: FastifyBaseLogger
  readonly failPoint: FailPoint
  onHelloMissing(): void
}

const sendMs = 15_000

/**
 * Reports are complete, so only the newest counts; each attempt has a number of its own. While nothing is other than a
 * report that was taken said, a heartbeat tells so.
 */
export function createReporter(deps: ReporterDeps): Reporter {
  const { control, bootId, log } = deps
  const box = createSignalBox(deps.clock)
  const backoff = createBackoff(deps, 200, heartbeatSeconds * 1000)
  let latest: Snapshot | undefined
  let taken: { readonly seq: number; readonly text: string } | undefined
  let seq = 0
  let epoch = 0

  const send = async (snapshot: Snapshot, signal: AbortSignal): Promise<void> => {
    const text = JSON.stringify(snapshot)
    const sentIn = epoch
    const head = { boot_id: bootId, seq: ++seq }
    const options = { signal, timeoutMs: sendMs }
    if (taken?.text === text) {
      await control.report.heartbeat({ body: { ...head, report_seq: taken.seq } }, options)
      return
    }
    // Until it is known to be taken it may be half known.
    taken = undefined
    await deps.failPoint('agent.report.before')
    await control.report.send({ body: { ...head, ...snapshot } }, options)
    await deps.failPoint('agent.report.after')
    if (epoch === sentIn) taken = { seq: head.seq, text }
  }

  return {
    offer: (snapshot) => {
      latest = snapshot
      box.raise()
    },
    forget: () => {
      epoch++
      latest = undefined
      taken = undefined
    },
    run: async (signal) => {
      for (;;) {
        await box.wait(signal)
        const snapshot = latest
        if (!snapshot) continue
        try {
          await send(snapshot, signal)
          backoff.reset()
        } catch (error) {
          if (signal.aborted || isReplaced(error)) throw error
          const wasHeartbeat = taken !== undefined
          taken = undefined
          box.raise()
          if (wasHeartbeat && isReportNeeded(error)) continue
          if (isHelloMissing(error)) deps.onHelloMissing()
          log[isRefused(error) ? 'error' : 'warn']({ err: error }, 'a report was not taken')
          await backoff.wait(signal)
        }
      }
    },
  }
}
