import type { ApiContext } from '../context.ts'
import type { Progress } from './progress.ts'
import type { Toolbox } from './toolbox.ts'

export interface CopyOptions {
  readonly parents: boolean
  readonly followLink: boolean
  readonly skipUnsafe: boolean
}

/** What a copy has done; `sha256` and `resumedBytes` of one file. */
export interface Copied {
  readonly target: string
  readonly sha256: string | null
  readonly resumedBytes: number
}

/** What every part of a copy gets. */
export interface CopyJob {
  readonly context: ApiContext
  readonly toolbox: Toolbox
  readonly progress: Progress
  readonly options: CopyOptions
}
