import { GpulabError } from '@gpulab/contract'
import type { ContainerRecord } from '../../../../apps/api/src/containers/store.ts'
import { shownStatus } from '../../../../apps/api/src/containers/view.ts'
import type { Shown } from '../control-plane.ts'
import { findRecord, type Model } from './tables.ts'

/** Notes that a request is carried out, and on which object. */
export type Remember = (resource: string | null) => void

export function show(model: Model, uuid: string): Shown {
  const { row, gpus, ...record } = getRecord(model, uuid)
  const { status, reason } = shownStatus({ row, gpus, ...record }, model.now())
  const { name, generation } = row
  return {
    uuid,
    name,
    status,
    reason: reason?.code ?? null,
    generation,
    gpus: gpus.map((gpu) => gpu.uuid),
  }
}

export function getRecord(model: Model, uuid: string): ContainerRecord {
  const record = findRecord(model, uuid)
  if (!record) throw new GpulabError('container_not_found')
  return record
}
