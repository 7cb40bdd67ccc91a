import { heartbeatSeconds } from '@gpulab/contract'
import type { Deps } from '../deps.ts'
import { readEngineVersion } from '../docker/connect.ts'
import { EngineError } from '../docker/errors.ts'
import { toPlainText } from '../plain-text.ts'
import type { Snapshot } from './report.ts'

type LookDeps = Pick<
  Deps,
  'engine' | 'health' | 'reconciler' | 'reporter' | 'ghosts' | 'changed' | 'clock' | 'log'
>

/** Looks that follow changes closer than this are one. */
const debounceMs = 10
const lookAgainMs = { up: heartbeatSeconds * 1000, down: 1000 }

/** Looks at each change and at each heartbeat, and offers what it saw for the next report. */
export async function keepLooking(deps: LookDeps, first: Snapshot, signal: AbortSignal): Promise<void> {
  const { clock } = deps
  let snapshot = first
  for (;;) {
    deps.reporter.offer(snapshot)
    const lookedAt = clock.monotonic()
    await deps.changed.wait(signal, snapshot.engine.available ? lookAgainMs.up : lookAgainMs.down)
    const restMs = lookedAt + debounceMs - clock.monotonic()
    if (restMs > 0) await clock.wait(restMs, signal)
    snapshot = await look(deps, snapshot.containers, signal)
  }
}

export async function look(
  deps: LookDeps,
  last: Snapshot['containers'],
  signal: AbortSignal,
): Promise<Snapshot> {
  const { health, reconciler, ghosts, engine, log } = deps
  try {
    if (!health.state().available) {
      health.up(await readEngineVersion(engine))
      // However long it was away: it may be another run of it.
      ghosts.suspect()
    }
    const { targetVersion, containers } = await reconciler.look()
    return { target_version: targetVersion, engine: health.state(), containers }
  } catch (error) {
    signal.throwIfAborted()
    const wasUp = health.state().available
    const reason = error instanceof Error ? error.message : String(error)
    health.down(toPlainText(`The Docker Engine does not answer: ${reason}`))
    if (wasUp || !(error instanceof EngineError)) log.error({ err: error }, 'the engine does not answer')
    // Nothing is known now, so nothing of this may count as proof.
    const containers = last.map((container) => ({ ...container, busy: true }))
    return { target_version: -1, engine: health.state(), containers }
  }
}
