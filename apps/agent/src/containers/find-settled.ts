import { setTimeout as wait } from 'node:timers/promises'
import type { Engine } from '../docker/connect.ts'
import { findByUuid } from './find.ts'
import type { ObservedContainer } from './labels.ts'

export interface SettledDeps {
  readonly engine: Engine
  readonly reconciler: { isBusy(uuid: string): boolean }
}

const firstPollMs = 50
/** One that restarts may be busy for a minute. */
const pollMaxMs = 500

/** The container; to the patient, once it runs or no step is under way that would make or start it. */
export async function findSettled(
  { engine, reconciler }: SettledDeps,
  uuid: string,
  patient: boolean,
  signal: AbortSignal,
): Promise<ObservedContainer | undefined> {
  for (let pollMs = firstPollMs; ; pollMs = Math.min(pollMs * 1.5, pollMaxMs)) {
    const busy = patient && reconciler.isBusy(uuid)
    const container = await findByUuid(engine, uuid)
    if (!busy || container?.state === 'running') return container
    await wait(pollMs, undefined, { signal })
  }
}
