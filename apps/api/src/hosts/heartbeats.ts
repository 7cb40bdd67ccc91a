import { GpulabError, type Heartbeat } from '@gpulab/contract'
import type { HostPrincipal } from '../auth/authenticate.ts'
import { hostSilenceMs } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { bootReplaced } from './apply-report.ts'
import { type Beat, keepAlive, keepManyAlive } from './store.ts'

type Parts = Pick<Deps, 'db' | 'clock'>

/** Heartbeats that come within this time are stored together: of a thousand hosts, ten at a time. */
const batchMs = 100

/** Takes a host's word that all is as its last report said. */
export type TakeHeartbeat = (principal: HostPrincipal, heartbeat: Heartbeat) => Promise<void>

export function createHeartbeats(deps: Parts): TakeHeartbeat {
  let batch: { readonly beats: Map<string, Beat>; readonly kept: Promise<Set<string>> } | undefined
  return async ({ hostUuid, hostName }, heartbeat) => {
    const { beats, kept } = (batch ??= openBatch())
    const isAlone = !beats.has(hostUuid)
    if (isAlone) beats.set(hostUuid, { hostUuid, ...heartbeat })
    if (isAlone && (await kept).has(hostUuid)) return
    const outcome = await keepAlive(deps.db, hostUuid, heartbeat, momentsOf(deps))
    if (outcome === 'replaced') throw bootReplaced(hostName)
    if (outcome === 'stale') throw new GpulabError('report_needed')
  }

  function openBatch() {
    const beats = new Map<string, Beat>()
    const { promise, resolve, reject } = Promise.withResolvers<Set<string>>()
    setTimeout(() => {
      batch = undefined
      keepManyAlive(deps.db, [...beats.values()], momentsOf(deps)).then(resolve, reject)
    }, batchMs)
    return { beats, kept: promise }
  }
}

/** One that was silent has to tell everything: its users were told that it is unreachable. */
function momentsOf({ clock }: Parts): { now: Date; silentSince: Date } {
  const now = clock.now()
  return { now, silentSince: new Date(now.getTime() - hostSilenceMs) }
}
