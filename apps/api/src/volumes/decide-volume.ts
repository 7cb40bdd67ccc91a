import type { VolumeFacts } from '@gpulab/contract'
import type { NewVolume, VolumeFactsRow, VolumeRow } from './store.ts'

export interface VolumeDecision {
  readonly facts: Omit<VolumeFactsRow, 'usedBytes'>
  readonly change: Partial<NewVolume>
  /** Whether the host shall do something else than before. */
  readonly isWishChanged: boolean
}

/** Codes of what trying again does not mend, as long as nothing else changes. */
const refusals = new Set(['no_space', 'volume_create_failed', 'not_available'])

/** What follows from a host's word on one of its volumes. */
export function decideVolume(row: VolumeRow, reported: VolumeFacts, now: Date): VolumeDecision {
  const { state, generation, enforced, problem, failure } = reported
  const facts = {
    volumeUuid: row.uuid,
    state,
    generation,
    enforced,
    problem,
    failureCode: failure?.code ?? null,
    observedAt: now,
  }
  if (row.desired === 'deleted') {
    return { facts, change: state === 'absent' ? { deletedAt: now } : {}, isWishChanged: false }
  }
  if (failure?.generation === row.generation && refusals.has(failure.code)) return refuse(row, facts, failure)
  const isDone = state === 'ready' && generation === row.generation
  if (!isDone || row.madeSizeBytes === row.sizeBytes) return { facts, change: {}, isWishChanged: false }
  const wasNew = row.madeSizeBytes === null
  return {
    facts,
    change: { madeSizeBytes: row.sizeBytes, ...(wasNew && noFailure) },
    // What is not there later is lost.
    isWishChanged: wasNew,
  }
}

const noFailure = { failureGeneration: null, failureCode: null, failureMessage: null } as const

/** A size that can not be had is taken back; a volume that can not be made waits for its user. */
function refuse(
  row: VolumeRow,
  facts: VolumeDecision['facts'],
  { generation, code, message }: NonNullable<VolumeFacts['failure']>,
): VolumeDecision {
  const isTold = row.failureGeneration === generation && row.failureCode === code
  const isTakenBack = row.madeSizeBytes !== null && row.madeSizeBytes !== row.sizeBytes
  return {
    facts,
    change: {
      ...(!isTold && { failureGeneration: generation, failureCode: code, failureMessage: message }),
      ...(isTakenBack && { sizeBytes: row.madeSizeBytes as number }),
    },
    isWishChanged: isTakenBack,
  }
}
