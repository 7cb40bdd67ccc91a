import type { Client, control, DeployLog } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { toPlainText } from '../plain-text.ts'
import { createSignalBox } from '../signal-box.ts'
import { isHelloMissing, isRefused, isReplaced } from './refusal.ts'

export interface DeployLogWriter {
  tell(uuid: string, line: string): void
  /** Sends until the signal aborts; rejects with `boot_replaced` when another agent has taken over. */
  run(signal: AbortSignal): Promise<void>
}

interface WriterDeps extends Timing {
  readonly control: Client<typeof control>
  readonly bootId: string
  readonly log: FastifyBaseLogger
  onHelloMissing(): void
}

/** As many lines of the greatest length as fit into one request. */
const batchMax = 300
/** Kept while the control plane does not answer; the oldest go first. */
const pendingMax = 20_000
const sendMs = 15_000

/** Lines are numbered once, so that sending a batch again stores none twice. */
export function createDeployLog(deps: WriterDeps): DeployLogWriter {
  const { control, clock, bootId, log } = deps
  const box = createSignalBox(clock)
  const backoff = createBackoff(deps)
  const pending: DeployLog['lines'] = []
  let seq = 0
  const send = async (signal: AbortSignal): Promise<void> => {
    const lines = pending.slice(0, batchMax)
    try {
      await control.report.deployLog({ body: { boot_id: bootId, lines } }, { signal, timeoutMs: sendMs })
    } catch (error) {
      if (!isRefused(error)) throw error
      log.error(
        { err: error, lines: lines.length },
        'lines of the deployment log were refused and are dropped',
      )
    }
    // Lines may have been dropped at the front meanwhile, so they are found by their numbers.
    const last = lines.at(-1)?.seq ?? 0
    const rest = pending.findIndex((line) => line.seq > last)
    pending.splice(0, rest === -1 ? pending.length : rest)
  }
  return {
    tell: (uuid, text) => {
      const line = toPlainText(text)
      pending.push({ seq: ++seq, container_uuid: uuid, ts: new Date(clock.now()).toISOString(), line })
      if (pending.length > pendingMax) pending.shift()
      box.raise()
    },
    run: async (signal) => {
      for (;;) {
        await box.wait(signal)
        while (pending.length > 0) {
          try {
            await send(signal)
            backoff.reset()
          } catch (error) {
            if (signal.aborted || isReplaced(error)) throw error
            if (isHelloMissing(error)) deps.onHelloMissing()
            log.warn({ err: error }, 'lines of the deployment log were not taken')
            await backoff.wait(signal)
          }
        }
      }
    },
  }
}
