import type { Target } from '@gpulab/contract'
import type { ContainerRecord } from '../../../../apps/api/src/containers/store.ts'
import { restartsOf } from '../../../../apps/api/src/containers/status.ts'
import { getHost, listRecordsOfHost, type Model } from './tables.ts'

/** As hosts/service.ts, readTarget. */
export function readTarget(model: Model, hostUuid: string): Target {
  const { targetVersion: version, foreignContainers: foreign } = getHost(model, hostUuid)
  const leftBehind = [...model.tables.containers.values()].filter(
    (row) =>
      foreign.some(({ uuid }) => uuid === row.uuid) && (row.deletedAt !== null || row.hostUuid !== hostUuid),
  )
  return {
    version,
    containers: [
      ...listRecordsOfHost(model, hostUuid).map((record) => toTarget(model, record)),
      ...model.decide.toRemovals(foreign, leftBehind),
    ],
    volumes: [],
  }
}

/** As wasRun there. */
const wasRun = ({ row, facts }: ContainerRecord): boolean =>
  facts?.generation === row.generation && (facts.state === 'running' || facts.state === 'exited')

function toTarget({ decide }: Model, record: ContainerRecord): Target['containers'][number] {
  const { row, intent, facts, gpus } = record
  const wish = decide.wishOf(intent, facts)
  const mayRun = wish === 'running' && decide.mayRun(record)
  return {
    uuid: row.uuid,
    generation: row.generation,
    base_generation: row.baseGeneration,
    desired: wish === 'running' && !mayRun ? 'stopped' : wish,
    start_after: row.startAfter,
    attempt: row.attempt,
    restart: row.restart,
    restarts: restartsOf(intent, facts),
    has_run: facts?.generation === row.generation && facts.startedAt !== null,
    name: row.name,
    team_uuid: row.teamUuid,
    image: row.image,
    registry_login: null,
    command: mayRun && !wasRun(record) ? row.command : null,
    env: {},
    gpu_uuids: gpus.map(({ uuid }) => uuid),
    memory_bytes: row.memoryBytes,
    cpus: row.cpus,
    volumes: [],
  }
}
