import type { ApiContext } from '../../context.ts'
import type { Progress } from '../../files/progress.ts'

export interface VolumeCopyOptions {
  readonly parents: boolean
  readonly skipUnsafe: boolean
}

/** What every part of a copy gets. */
export interface VolumeJob {
  readonly context: ApiContext
  readonly uuid: string
  readonly progress: Progress
  readonly options: VolumeCopyOptions
}

export interface VolumeCopied {
  readonly target: string
  readonly resumedBytes: number
}
