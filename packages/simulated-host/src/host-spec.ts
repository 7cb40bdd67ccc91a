import { join, resolve } from 'node:path'
import { gpuToolsFolder } from './inventory-folder.ts'

/** A folder of the outer machine that a simulated host sees. */
export interface HostMount {
  source: string
  target: string
  readOnly?: boolean
}

/** What the container of a simulated host is made of. */
export interface HostSpec {
  image: string
  name: string
  runDir: string
  gpuDir: string
  mounts: readonly HostMount[]
  command: readonly string[]
  env: Readonly<Record<string, string>>
  network: string | undefined
}

const baseEnv = {
  PATH: '/opt/gpulab-sim/gpu:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  GPULAB_SIM_GPU_DIR: '/var/lib/gpulab-sim-gpu',
}

const hostFolder = resolve(import.meta.dirname, '../host')

/** Body of the Engine's "create container" for a simulated host. */
export function toHostContainer(spec: HostSpec): Record<string, unknown> {
  const mounts: HostMount[] = [
    { source: spec.runDir, target: '/run/gpulab-host' },
    { source: spec.gpuDir, target: '/var/lib/gpulab-sim-gpu' },
    { source: gpuToolsFolder, target: '/opt/gpulab-sim/gpu', readOnly: true },
    { source: join(hostFolder, 'entrypoint'), target: '/opt/gpulab-sim/entrypoint', readOnly: true },
    ...spec.mounts,
  ]
  return {
    Image: spec.image,
    Hostname: spec.name,
    Entrypoint: ['/opt/gpulab-sim/entrypoint'],
    Cmd: spec.command,
    // Set here and not in the entrypoint, so that "exec" in the host sees the simulated nvidia-smi too.
    Env: Object.entries({ ...baseEnv, ...spec.env }).map(([name, value]) => `${name}=${value}`),
    Labels: { 'ai.gpulab.simulated-host': spec.name },
    // overlay on overlay is refused, so the inner engine's data needs a volume; it goes with the container.
    Volumes: { '/var/lib/docker': {} },
    HostConfig: {
      Init: true,
      // Neither privileged nor ALL: both fail on a machine that lacks one of the capabilities itself.
      CapAdd: ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE', 'DAC_READ_SEARCH', 'IPC_LOCK'],
      SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
      DeviceCgroupRules: ['a *:* rwm'],
      ExtraHosts: ['host.docker.internal:host-gateway'],
      ...(spec.network !== undefined && { NetworkMode: spec.network }),
      Mounts: mounts.map(({ source, target, readOnly }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly ?? false,
      })),
    },
  }
}
