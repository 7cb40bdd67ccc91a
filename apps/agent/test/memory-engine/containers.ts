import { findImage, removeUnnamed } from './images.ts'
import { type ContainerConfig, type MemoryContainer, neverTime, refusal, type World } from './world.ts'

/** The part of the engine's request that counts here. */
export interface CreateOptions {
  readonly name: string
  readonly Image: string
  readonly Hostname?: string
  readonly Env?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Labels?: Readonly<Record<string, string>>
  readonly HostConfig?: {
    readonly NetworkMode?: string
    readonly Mounts?: readonly { readonly Source: string; readonly Target: string }[]
  }
}

/** By id or name; 404 when it is not there. */
export function getContainer({ containers }: World, ref: string): MemoryContainer {
  const found = containers.get(ref) ?? [...containers.values()].find(({ name }) => name === ref)
  if (!found) throw refusal(404, `No such container: ${ref}`)
  return found
}

export function createContainer(world: World, options: CreateOptions): { id: string } {
  const { name, HostConfig = {} } = options
  const taken = [...world.containers.values()].find((container) => container.name === name)
  if (taken) {
    throw refusal(
      409,
      `Conflict. The container name "/${name}" is already in use by container "${taken.id}".`,
    )
  }
  const image = findImage(world, options.Image)
  if (!image) throw refusal(404, `No such image: ${options.Image}`)
  const given = (HostConfig.Mounts ?? []).map(({ Source, Target }) => ({
    name: Source,
    path: Target,
    anonymous: false,
  }))
  const own = Object.keys(image.config.Volumes)
    .filter((path) => !given.some((mount) => mount.path === path))
    .map((path) => ({ name: world.newId(), path, anonymous: true }))
  const mounts = [...given, ...own]
  for (const mount of mounts) if (!world.volumes.has(mount.name)) world.volumes.set(mount.name, new Map())
  const container: MemoryContainer = {
    id: world.newId(),
    name,
    createdAt: world.stamp(),
    imageId: image.id,
    config: toConfig(options, image.config),
    hostConfig: { ...HostConfig, NetworkMode: HostConfig.NetworkMode ?? 'default' },
    mounts,
    files: new Map(image.files),
    status: 'created',
    startedAt: neverTime,
    finishedAt: neverTime,
    exitCode: 0,
    oomKilled: false,
    pid: 0,
    log: [],
  }
  world.containers.set(container.id, container)
  world.emit('create', container)
  return { id: container.id }
}

function toConfig(options: CreateOptions, image: Omit<ContainerConfig, 'Image'>): ContainerConfig {
  const keyOf = (entry: string): string => entry.split('=', 1)[0] ?? ''
  const own = options.Env ?? []
  const keys = new Set(own.map(keyOf))
  const hasCommand = (options.Cmd ?? []).length > 0
  const hasEntrypoint = options.Entrypoint !== undefined
  return {
    Image: options.Image,
    ...(options.Hostname !== undefined && { Hostname: options.Hostname }),
    Env: [...own, ...image.Env.filter((entry) => !keys.has(keyOf(entry)))],
    Cmd: hasCommand ? (options.Cmd ?? null) : hasEntrypoint ? null : image.Cmd,
    Entrypoint: hasEntrypoint ? (options.Entrypoint ?? null) : image.Entrypoint,
    Labels: { ...image.Labels, ...options.Labels },
    Volumes: image.Volumes,
  }
}

export function startContainer(world: World, ref: string): void {
  const container = getContainer(world, ref)
  if (container.status === 'running') throw refusal(304, 'container already started')
  const fail = (status: number, message: string): Error => {
    // The engine leaves no success where a start has failed.
    if (container.exitCode === 0) container.exitCode = 128
    return refusal(status, message)
  }
  const { NetworkMode } = container.hostConfig
  const isBuiltIn = ['default', 'none', 'host', 'bridge'].includes(NetworkMode)
  if (!isBuiltIn && ![...world.networks.values()].some(({ name }) => name === NetworkMode)) {
    throw fail(404, `network ${NetworkMode} not found`)
  }
  const program = world.programOf(container)
  if (program.refusal !== undefined) throw fail(500, program.refusal)
  const startedAt = world.stamp()
  Object.assign(container, { status: 'running', startedAt, exitCode: 0, oomKilled: false, pid: 1000 })
  container.log.push(...(program.log ?? []).map((line) => `${startedAt} ${line}\n`))
  world.emit('start', container)
  if (!program.exit) return
  const { code, afterMs = 0, oomKilled = false } = program.exit
  const end = async (): Promise<void> => {
    await world.clock.wait(afterMs)
    if (container.startedAt === startedAt) exitContainer(world, container, code, oomKilled)
  }
  void end()
}

/** Its program ends, for whatever reason. */
export function exitContainer(
  world: World,
  container: MemoryContainer,
  exitCode: number,
  oomKilled = false,
): void {
  if (container.status !== 'running') return
  Object.assign(container, { status: 'exited', exitCode, oomKilled, pid: 0, finishedAt: world.stamp() })
  world.emit('die', container)
}

export async function stopContainer(world: World, ref: string, graceSeconds: number): Promise<void> {
  const container = getContainer(world, ref)
  if (container.status !== 'running') throw refusal(304, 'container already stopped')
  const { startedAt } = container
  const { stopCode = 143 } = world.programOf(container)
  if (stopCode === null) await world.clock.wait(graceSeconds * 1000)
  if (container.startedAt === startedAt) exitContainer(world, container, stopCode ?? 137)
}

export function removeContainer(world: World, ref: string, options: { v?: boolean; force?: boolean }): void {
  const container = getContainer(world, ref)
  if (container.status === 'running') {
    if (!options.force) throw refusal(409, `You cannot remove a running container ${container.id}.`)
    exitContainer(world, container, 137)
  }
  world.containers.delete(container.id)
  for (const { name, anonymous } of container.mounts) {
    if (options.v && anonymous && !isMounted(world, name)) world.volumes.delete(name)
  }
  removeUnnamed(world, container.imageId)
  world.emit('destroy', container)
}

export const isMounted = ({ containers }: World, volume: string): boolean =>
  [...containers.values()].some(({ mounts }) => mounts.some(({ name }) => name === volume))

/** `label` or `label=value`, all of them. */
export function listContainers({ containers }: World, labels: readonly string[]): object[] {
  return [...containers.values()]
    .filter(({ config }) =>
      labels.every((label) => {
        const [key = '', ...value] = label.split('=')
        return value.length === 0 ? key in config.Labels : config.Labels[key] === value.join('=')
      }),
    )
    .map(({ id, name, config, status }) => ({
      Id: id,
      Names: [`/${name}`],
      Labels: { ...config.Labels },
      State: status,
    }))
}

export function inspectContainer(world: World, ref: string): object {
  const container = getContainer(world, ref)
  const { config, hostConfig } = container
  return structuredClone({
    Id: container.id,
    Name: `/${container.name}`,
    Created: container.createdAt,
    Image: container.imageId,
    Config: config,
    HostConfig: hostConfig,
    Mounts: container.mounts.map(({ name, path }) => ({
      Type: 'volume',
      Name: name,
      Destination: path,
      Driver: 'local',
    })),
    State: {
      Status: container.status,
      Running: container.status === 'running',
      Paused: false,
      Restarting: false,
      Dead: false,
      OOMKilled: container.oomKilled,
      Pid: container.pid,
      ExitCode: container.exitCode,
      StartedAt: container.startedAt,
      FinishedAt: container.finishedAt,
    },
  })
}
