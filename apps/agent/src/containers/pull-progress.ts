import type { PullEvent } from '../docker/images.ts'

/** What is known of each layer of a pull. */
export interface PullProgress {
  readonly layers: ReadonlyMap<string, Layer>
}

interface Layer {
  readonly done: boolean
  readonly currentBytes: number
  readonly totalBytes: number
}

export const noProgress: PullProgress = { layers: new Map() }

const finished = new Set(['Pull complete', 'Already exists'])
const layerStatus =
  /^(?:Pulling fs layer|Waiting|Downloading|Verifying|Download complete|Extracting|Pull complete|Already exists)/

export function addPullEvent({ layers }: PullProgress, event: PullEvent): PullProgress {
  const { id, status = '', progressDetail } = event
  if (id === undefined || !layerStatus.test(status)) return { layers }
  const before = layers.get(id) ?? { done: false, currentBytes: 0, totalBytes: 0 }
  const done = finished.has(status)
  const downloading = status === 'Downloading'
  const totalBytes = (downloading ? progressDetail?.total : undefined) ?? before.totalBytes
  const downloaded = done || /^(?:Verifying|Download complete|Extracting)/.test(status)
  const currentBytes = downloaded
    ? totalBytes
    : downloading
      ? (progressDetail?.current ?? 0)
      : before.currentBytes
  return { layers: new Map(layers).set(id, { done, currentBytes, totalBytes }) }
}

/** `3 of 7 layers, 45 % of 210 MiB`, or undefined while nothing is known. */
export function describeProgress({ layers }: PullProgress): string | undefined {
  if (layers.size === 0) return undefined
  const all = [...layers.values()]
  const total = all.reduce((sum, { totalBytes }) => sum + totalBytes, 0)
  const current = all.reduce((sum, { currentBytes }) => sum + currentBytes, 0)
  const ready = `${all.filter(({ done }) => done).length} of ${all.length} layers`
  if (total === 0) return ready
  return `${ready}, ${Math.floor((current / total) * 100)} % of ${Math.ceil(total / (1 << 20))} MiB`
}
