import { limitOf } from '../../../../apps/api/src/containers/deadline.ts'
import { wishOf } from '../../../../apps/api/src/containers/status.ts'
import { hostSilenceMs } from '../../../../apps/api/src/containers/view.ts'
import type { ContainerState, Snapshot } from '../control-plane.ts'
import type { EngineContainer, Leftover, Violation } from '../history.ts'
import { short } from '../world/short.ts'

const passing = new Set(['queued', 'deploying', 'starting', 'restarting', 'stopping', 'deleting'])

export interface DeadlineCheckOptions {
  readonly deployTimeoutMs: number
  /** Of the sweep, and of whoever comes in between. */
  readonly slackMs: number
}

/** R4: nothing stays in a passing status beyond its deadline. Remembers since when each has been where it is. */
export function createDeadlineCheck({ deployTimeoutMs, slackMs }: DeadlineCheckOptions) {
  const since = new Map<string, { readonly key: string; readonly at: number }>()
  const rule = 'R4'
  return ({ containers }: Pick<Snapshot, 'containers'>, now: number): Violation[] =>
    containers.flatMap((container): Violation[] => {
      const { uuid, deletedAt, deadlineAt, attempt, generation } = container
      const { status, reason } = container.status
      // Where its run ends by itself again and again it may be seen waiting each time; and while its host is cut off it
      // goes on so, which nobody has to end.
      const isWaiting = status === 'restarting' && container.facts?.state === 'exited'
      const isCutOff = isWaiting && container.announcedStatus === 'unreachable'
      const isDelayed = status === 'deleting' && reason !== null
      if (deletedAt !== null || !passing.has(status) || isDelayed || isCutOff) {
        since.delete(uuid)
        return []
      }
      const key = `${status} ${attempt} ${generation}`
      const known = since.get(uuid)
      const entry = known?.key === key ? known : { key, at: now }
      since.set(uuid, entry)
      if (deadlineAt === null)
        return [{ rule, at: now, message: `${short(uuid)} is ${status} without a deadline` }]
      if (deadlineAt + slackMs < now)
        return [{ rule, at: now, message: `${short(uuid)} is ${status} beyond its deadline` }]
      const limitMs = limitOf(status, deployTimeoutMs) ?? Infinity
      if (isWaiting || entry.at + limitMs + slackMs >= now) return []
      return [
        { rule, at: now, message: `the deadline of ${short(uuid)}, which is ${status}, moves on and on` },
      ]
    })
}

/** How long what has happened on a host may take to be told. */
const tellMs = 5000
/** How long a change that begins in peace may take. */
const settleMs = 45_000

/** R2: what the control plane believes and what the engines have is the same, one to one. */
export function checkOneToOne(
  { containers, leases, hosts, events }: Snapshot,
  engine: readonly EngineContainer[],
  now: number,
): Violation[] {
  const rule = 'R2'
  const broken = (message: string): Violation => ({ rule, at: now, message })
  const fenced = new Set(hosts.filter(({ state }) => state === 'fenced').map(({ uuid }) => uuid))
  const live = containers.filter(({ deletedAt }) => deletedAt === null)
  const sinceOf = (uuid: string): number =>
    events.findLast(({ containerUuid }) => containerUuid === uuid)?.at ?? 0
  const isFresh = ({ uuid }: ContainerState): boolean => sinceOf(uuid) > now - settleMs

  const ofRows = live.flatMap((container): Violation[] => {
    const { uuid, hostUuid, generation, holds, gpuCount, facts } = container
    const { status } = container.status
    if (container.announcedStatus !== status && !fenced.has(hostUuid ?? '')) {
      return [broken(`${short(uuid)} is ${status}, and was last told to be ${container.announcedStatus}`)]
    }
    const name = `${short(uuid)} (${status}, g${generation})`
    const held = leases.filter((lease) => lease.containerUuid === uuid && lease.releasedAt === null)
    if (held.length !== (holds ? gpuCount : 0))
      return [broken(`${name} holds ${held.length} of ${gpuCount} cards`)]
    if (hostUuid === null || fenced.has(hostUuid) || isFresh(container)) return []
    const own = engine.filter((each) => each.uuid === uuid && each.hostUuid === hostUuid)
    if (own.some(({ changedAt }) => changedAt > now - tellMs)) return []
    const running = own.filter(({ isRunning }) => isRunning)
    const isWaiting = status === 'restarting' && facts?.state === 'exited'
    if (passing.has(status) && status !== 'queued' && !isWaiting) return [broken(`${name} has not settled`)]
    if (own.length > 1) return [broken(`${name} has ${own.length} containers on its host`)]
    if (status === 'running') {
      const isThere = running.length === 1 && running[0]?.generation === generation
      return isThere ? [] : [broken(`${name} does not run`)]
    }
    if (running.length > 0 && !isWaiting) return [broken(`${name} runs`)]
    if (holds && !isWaiting) return [broken(`${name} is at rest and holds a share of its host`)]
    const wish = wishOf(container, facts ?? undefined)
    return wish === 'absent' && own.length > 0 ? [broken(`${name} has a container that nobody wants`)] : []
  })
  const ofLeases = leases.flatMap(({ releasedAt, containerUuid, gpuUuid }): Violation[] => {
    const isHeld = releasedAt !== null || live.some(({ uuid }) => uuid === containerUuid)
    return isHeld ? [] : [broken(`the lease of ${gpuUuid} is nobody's`)]
  })
  const ofHosts = hosts.flatMap(({ name, lastSeenAt }): Violation[] =>
    lastSeenAt !== null && now - lastSeenAt <= hostSilenceMs ? [] : [broken(`${name} is silent`)],
  )
  return [...ofRows, ...ofLeases, ...ofHosts]
}

/** R2: once the grace of what nobody wants is over, hosts have nothing else. */
export function checkLeftovers(
  { containers }: Snapshot,
  engine: readonly EngineContainer[],
  leftovers: readonly Leftover[],
  now: number,
): Violation[] {
  const isNobodys = ({ uuid, hostUuid }: Pick<Leftover, 'uuid' | 'hostUuid'>): boolean =>
    !containers.some((row) => row.uuid === uuid && row.hostUuid === hostUuid && row.deletedAt === null)
  const orphans = engine.filter(isNobodys).map(({ uuid, generation }) => `${short(uuid)} g${generation}`)
  const names = [...orphans, ...leftovers.filter(isNobodys).map(({ name }) => name)]
  return names.map((name) => ({ rule: 'R2', at: now, message: `${name} is left over on its host` }))
}
