import type { Client, control, DeployLog } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import { createSignalBox } from '../signal-box.ts'
import { isReplaced } from './report.ts'

export interface DeployLogWriter {
  tell(uuid: string, line: string): void
  /** Sends until the signal aborts; rejects with `boot_replaced` when another agent has taken over. */
  run(signal: AbortSignal): Promise<void>
}

interface WriterDeps {
  readonly control: Client<typeof control>
  readonly bootId: string
  readonly log: FastifyBaseLogger
}

const lineMaxCharacters = 2000
const batchMax = 1000
/** Kept while the control plane does not answer; the oldest go first. */
const pendingMax = 20_000
const sendMs = 15_000

/** Lines are numbered once, so that sending a batch again stores none twice. */
export function createDeployLog({ control, bootId, log }: WriterDeps): DeployLogWriter {
  const box = createSignalBox()
  const backoff = createBackoff()
  const pending: DeployLog['lines'] = []
  let seq = 0
  const send = async (signal: AbortSignal): Promise<void> => {
    const lines = pending.slice(0, batchMax)
    await control.report.deployLog({ body: { boot_id: bootId, lines } }, { signal, timeoutMs: sendMs })
    // Lines may have been dropped at the front meanwhile, so they are found by their numbers.
    const last = lines.at(-1)?.seq ?? 0
    const rest = pending.findIndex((line) => line.seq > last)
    pending.splice(0, rest === -1 ? pending.length : rest)
  }
  return {
    tell: (uuid, text) => {
      const line = text.slice(0, lineMaxCharacters)
      pending.push({ seq: ++seq, container_uuid: uuid, ts: new Date().toISOString(), line })
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
            log.warn({ err: error }, 'lines of the deployment log were not taken')
            await backoff.wait(signal)
          }
        }
      }
    },
  }
}
