import type { HostInfo } from '../docker/host-info.ts'

/** What was found out about this machine. `undefined` is what could not be found out, or was not looked for. */
export interface Facts {
  readonly engine: { readonly error: string } | HostInfo
  /** Of the file system that holds the engine's data. */
  readonly disk: { readonly freeBytes: number; readonly sizeBytes: number } | undefined
  readonly gpus: GpuFacts
  readonly toolkitVersion: string | undefined
  readonly gpuProbe: GpuProbe | undefined
  readonly folder: FolderFacts | undefined
  readonly firewall: 'off' | 'possible' | { readonly error: string }
  readonly api: ApiFacts | undefined
}

export type GpuFacts =
  | { readonly missing: true }
  | {
      readonly exitCode: number
      readonly uuids: readonly string[]
      readonly simulated: boolean
      readonly output: string
    }

/** How a container with all cards went. */
export type GpuProbe =
  | { readonly image: undefined }
  | { readonly image: string; readonly exitCode: number; readonly listed: number; readonly output: string }
  | { readonly image: string; readonly error: string }

/** Whether the engine sees what the agent gives to containers. */
export type FolderFacts =
  | { readonly path: string; readonly isSeen: boolean }
  | { readonly path: string; readonly error: string }

export interface ApiFacts {
  readonly url: string
  /** It is another machine's, and what goes there is not encrypted. */
  readonly plain: boolean
  readonly answer:
    | { readonly error: string }
    | { readonly status: number; readonly clockOffsetMs: number | undefined }
}
