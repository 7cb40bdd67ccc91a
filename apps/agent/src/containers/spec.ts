import type { TargetContainer } from '@gpulab/contract'
import type { ContainerSpec, HostConfig } from '../docker/containers.ts'
import type { VolumeMount } from '../docker/engine-container.ts'
import type { EngineImage } from '../docker/images.ts'
import type { GuestMounts } from '../guest/folders.ts'
import { runTarget, toolboxTarget } from '../guest/paths.ts'
import type { VolumeBind } from '../volumes/volume-bind.ts'
import { chooseCommand } from './default-command.ts'
import { type GpuInjection, toEnvironment } from './environment.ts'
import { containerName, toLabels } from './labels.ts'

export interface Ulimit {
  readonly Name: string
  readonly Soft: number
  readonly Hard: number
}

/** What a container is made of that goes on with the files of an older generation. */
export interface SavedFiles {
  readonly reference: string
  readonly volumes: readonly VolumeMount[]
}

type VolumeOptions = NonNullable<NonNullable<HostConfig['Mounts']>[number]['VolumeOptions']>

export interface SpecOptions {
  readonly image: Pick<EngineImage, 'env' | 'command' | 'entrypoint'>
  readonly saved?: SavedFiles | undefined
  readonly network: string
  readonly hostUuid: string
  readonly injection: GpuInjection
  readonly ulimits: readonly Ulimit[]
  /** Undefined where sessions go through the engine. */
  readonly guest?: GuestMounts | undefined
  readonly volumes?: readonly VolumeBind[]
}

/** What sshd, su, package managers and web servers need as root; no NET_RAW, MKNOD, SETFCAP or SYS_*. */
const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'SYS_CHROOT',
  'AUDIT_WRITE',
]
const pidsMax = 4096
const shmMinBytes = 64 << 20
/** Tenants die before the agent and the engine. */
const oomScoreAdj = 500

/**
 * What the engine is asked to create. Built up from nothing: only what is named here passes, so no field of a
 * request can widen a container's rights.
 */
export function toContainerSpec(container: TargetContainer, options: SpecOptions): ContainerSpec {
  const { entrypoint, command } = chooseCommand(container.command, options.image)
  return {
    name: containerName(container),
    Hostname: toHostname(container.name),
    Image: options.saved?.reference ?? container.image,
    ...(entrypoint && { Entrypoint: [...entrypoint] }),
    ...(command && { Cmd: [...command] }),
    Env: toEnvironment(container, options.image, options.injection),
    Labels: toLabels(container, options.hostUuid),
    HostConfig: toHostConfig(container, options),
  }
}

function toHostConfig(
  container: TargetContainer,
  { network, injection, ulimits, saved, guest, volumes = [] }: SpecOptions,
): HostConfig {
  const { memory_bytes: memory, cpus, gpu_uuids: gpus } = container
  const mounts = [
    ...(saved?.volumes ?? [])
      .filter(({ path }) => !volumes.some(({ target }) => target === path))
      .map(toMount),
    ...volumes.map(toVolumeMount),
    ...(guest ? toGuestMounts(guest) : []),
  ]
  return {
    Privileged: false,
    SecurityOpt: ['no-new-privileges:true'],
    CapDrop: ['ALL'],
    CapAdd: [...capabilities],
    PidsLimit: pidsMax,
    // The same twice means no swap.
    ...(memory > 0 && { Memory: memory, MemorySwap: memory }),
    ...(cpus !== null && { NanoCpus: Math.round(cpus * 1e9) }),
    // It counts against the memory limit. Data loaders need far more than the engine's 64 MiB.
    ShmSize: Math.max(Math.floor(memory / 2), shmMinBytes),
    Ulimits: ulimits.map((ulimit) => ({ ...ulimit })),
    OomScoreAdj: oomScoreAdj,
    Init: true,
    IpcMode: 'private',
    CgroupnsMode: 'private',
    NetworkMode: network,
    PublishAllPorts: false,
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '5' } },
    ...(mounts.length > 0 && { Mounts: mounts }),
    DeviceRequests: gpus.length > 0 ? [toDeviceRequest(gpus, injection)] : [],
  } as HostConfig
}

/** What its user has emptied is not filled from the image again. */
const toMount = ({ name, path }: VolumeMount) => ({
  Type: 'volume' as const,
  Source: name,
  Target: path,
  VolumeOptions: { NoCopy: true } as VolumeOptions,
})

/** As a mount and not as one of `Binds`, the engine refuses a source that is not there instead of making a folder. */
const toVolumeMount = ({ source, target, readOnly, propagation }: VolumeBind) => ({
  Type: 'bind' as const,
  Source: source,
  Target: target,
  ReadOnly: readOnly,
  BindOptions: { Propagation: propagation },
})

/** Of the host only these two folders, both of them ours. */
const toGuestMounts = ({ toolbox, run }: GuestMounts) =>
  [
    { Source: toolbox, Target: toolboxTarget },
    { Source: run, Target: runTarget },
  ].map((mount) => ({ ...mount, Type: 'bind' as const, ReadOnly: true }))

/** Asks the engine for these cards and no others. */
export const toDeviceRequest = (gpus: readonly string[], injection: GpuInjection) =>
  injection === 'cdi'
    ? { Driver: 'cdi', DeviceIDs: gpus.map((gpu) => `nvidia.com/gpu=${gpu}`) }
    : { Driver: 'nvidia', DeviceIDs: [...gpus], Capabilities: [['gpu', 'compute', 'utility']] }

/** A label of a DNS name; the engine refuses longer ones. */
const toHostname = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 63)
    .replaceAll(/^-+|-+$/g, '') || 'gpulab'
