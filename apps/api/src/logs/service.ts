import { type DeployLogLine, GpulabError, type LogLine, type LogQuery } from '@gpulab/contract'
import type { Principal } from '../auth/authenticate.ts'
import { getRecord } from '../containers/service.ts'
import { isSilent } from '../containers/view.ts'
import type { Deps } from '../deps.ts'
import { followEvents } from '../events/service.ts'

/** The container's own log, as its host streams it. */
export async function readLogs(
  deps: Pick<Deps, 'db' | 'clock' | 'uplinks'>,
  principal: Principal,
  uuid: string,
  query: LogQuery,
  signal: AbortSignal,
): Promise<AsyncIterable<LogLine>> {
  const { row, facts, host } = await getRecord(deps, principal, uuid)
  if (facts === undefined || facts.startedAt === null || host === undefined) {
    throw new GpulabError('container_not_running', {
      message: `Container ${row.name} has not run yet.`,
      hint: `gpulab logs ${row.name} --deploy shows its deployment.`,
    })
  }
  if (isSilent(host.lastSeenAt, deps.clock.now())) throw new GpulabError('host_unreachable')
  // The client sends what the query was before it was parsed.
  const { follow, ...rest } = query
  return deps.uplinks
    .to(host.uuid)
    .logs({ params: { uuid: row.uuid }, query: { ...rest, follow: follow ? 'true' : 'false' } }, { signal })
}

export async function readDeployLog(
  deps: Pick<Deps, 'db' | 'signals'>,
  principal: Principal,
  uuid: string,
  query: { cursor: string | undefined; follow: boolean },
  signal: AbortSignal,
): Promise<AsyncIterable<DeployLogLine>> {
  const events = await followEvents(deps, principal, uuid, { ...query, type: 'deploy_log' }, signal)
  return (async function* () {
    for await (const { at, message, cursor } of events) yield { ts: at, line: message, cursor }
  })()
}
