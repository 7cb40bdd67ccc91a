import { orAbort } from '@gpulab/transport/or-abort'
import type { Engine } from './connect.ts'
import { callEngine } from './errors.ts'

/** What the engine says of itself, as far as containers' safety and well-being depend on it. */
export interface HostInfo {
  readonly version: string
  readonly containerd: string | undefined
  readonly runc: string | undefined
  readonly liveRestore: boolean
  readonly logDriver: string
  readonly logDrivers: readonly string[]
  readonly cgroupDriver: string
  readonly cgroupVersion: string
  readonly rootDir: string
}

export interface LocalImage {
  readonly reference: string
  readonly sizeBytes: number
}

const answerMs = 10_000

/** The client's types leave out what newer engines say. */
interface RawInfo {
  readonly LiveRestoreEnabled?: boolean
  readonly LoggingDriver?: string
  readonly Plugins?: { readonly Log?: string[] | null }
  readonly CgroupDriver?: string
  readonly CgroupVersion?: string
  readonly DockerRootDir?: string
}

export async function readHostInfo(engine: Engine): Promise<HostInfo> {
  const signal = AbortSignal.timeout(answerMs)
  const [version, info] = await Promise.all([
    callEngine(() => orAbort(engine.version(), signal)),
    callEngine(() => orAbort(engine.info() as Promise<RawInfo>, signal)),
  ])
  const componentOf = (name: string): string | undefined =>
    version.Components?.find((component) => component.Name === name)?.Version
  return {
    version: version.Version,
    containerd: componentOf('containerd'),
    runc: componentOf('runc'),
    liveRestore: info.LiveRestoreEnabled ?? false,
    logDriver: info.LoggingDriver ?? '',
    logDrivers: info.Plugins?.Log ?? [],
    cgroupDriver: info.CgroupDriver ?? '',
    cgroupVersion: info.CgroupVersion ?? '1',
    rootDir: info.DockerRootDir ?? '/var/lib/docker',
  }
}

/** Images that have a name, the smallest first. */
export async function listLocalImages(engine: Engine): Promise<LocalImage[]> {
  const images = await callEngine(() => engine.listImages({ abortSignal: AbortSignal.timeout(answerMs) }))
  return images
    .flatMap(({ RepoTags, Size }) => (RepoTags ?? []).map((reference) => ({ reference, sizeBytes: Size })))
    .filter(({ reference }) => !reference.includes('<none>'))
    .toSorted((left, right) => left.sizeBytes - right.sizeBytes)
}
