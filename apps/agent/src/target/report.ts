import { type Client, type control, heartbeatSeconds, type Report } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import { createSignalBox } from '../signal-box.ts'
import { isHelloMissing, isRefused, isReplaced } from './refusal.ts'

/** What a look at the engine gave; the reporter adds who says so and when. */
export type Snapshot = Pick<Report, 'target_version' | 'engine' | 'containers'>

export interface Reporter {
  /** The newest snapshot replaces one that has not been sent yet. */
  offer(snapshot: Snapshot): void
  /** Takes back what has not been sent yet. */
  forget(): void
  /** Sends until the signal aborts; rejects with `boot_replaced` when another agent has taken over. */
  run(signal: AbortSignal): Promise<void>
}

interface ReporterDeps {
  readonly control: Client<typeof control>
  readonly bootId: string
  readonly log: FastifyBaseLogger
  onHelloMissing(): void
}

const sendMs = 15_000

/** Reports are complete, so only the newest counts; each attempt has a number of its own. */
export function createReporter(deps: ReporterDeps): Reporter {
  const { control, bootId, log } = deps
  const box = createSignalBox()
  const backoff = createBackoff(200, heartbeatSeconds * 1000)
  let latest: Snapshot | undefined
  let seq = 0
  return {
    offer: (snapshot) => {
      latest = snapshot
      box.raise()
    },
    forget: () => {
      latest = undefined
    },
    run: async (signal) => {
      for (;;) {
        await box.wait(signal)
        const snapshot = latest
        if (!snapshot) continue
        try {
          const body = { boot_id: bootId, seq: ++seq, ...snapshot }
          await control.report.send({ body }, { signal, timeoutMs: sendMs })
          backoff.reset()
        } catch (error) {
          if (signal.aborted || isReplaced(error)) throw error
          if (isHelloMissing(error)) deps.onHelloMissing()
          log[isRefused(error) ? 'error' : 'warn']({ err: error }, 'a report was not taken')
          box.raise()
          await backoff.wait(signal)
        }
      }
    },
  }
}
