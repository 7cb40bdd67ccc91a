import type { Client, control } from '@gpulab/contract'
import type { FastifyBaseLogger } from 'fastify'
import { createBackoff } from '../backoff.ts'
import type { Timing } from '../clock.ts'
import { isHelloMissing, isReplaced } from '../target/refusal.ts'
import type { Volumes } from './volumes.ts'

interface ReportDeps extends Timing {
  readonly control: Client<typeof control>
  readonly bootId: string
  readonly log: FastifyBaseLogger
  readonly volumes: Pick<Volumes, 'facts' | 'changed'>
  readonly reconciler: { targetVersion(): number }
  onHelloMissing(): void
}

/** How full they are changes without anybody's doing. */
const tellAgainMs = 30_000
const sendMs = 15_000

/** Tells how the volumes are: whenever that has changed, and now and then. A host without any says nothing. */
export async function reportVolumes(deps: ReportDeps, signal: AbortSignal): Promise<void> {
  const { control, bootId, log, volumes, reconciler } = deps
  const backoff = createBackoff(deps)
  for (;;) {
    await volumes.changed(signal, tellAgainMs)
    const facts = volumes.facts()
    if (facts.length === 0) continue
    const body = { boot_id: bootId, target_version: reconciler.targetVersion(), volumes: facts }
    try {
      await control.report.volumes({ body }, { signal, timeoutMs: sendMs })
      backoff.reset()
    } catch (error) {
      if (signal.aborted || isReplaced(error)) throw error
      if (isHelloMissing(error)) deps.onHelloMissing()
      log.warn({ err: error }, 'the state of the volumes was not taken')
      await backoff.wait(signal)
    }
  }
}
