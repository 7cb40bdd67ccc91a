import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../src/clock.ts'
import type { Engine } from '../src/docker/connect.ts'
import * as containers from './memory-engine/containers.ts'
import { createEvents } from './memory-engine/events.ts'
import * as images from './memory-engine/images.ts'
import { toLogBody } from './memory-engine/logs.ts'
import * as networks from './memory-engine/networks.ts'
import { createWorld, type MemoryContainer, type Program, type World } from './memory-engine/world.ts'

/** One request to the engine: `container.start` and whom it is about. */
export interface EngineCall {
  readonly name: string
  readonly target: string
}

/** What a client's requests go through. */
export interface CallHooks {
  /** What throws here keeps the request from having an effect; what takes time delays it. */
  before?(call: EngineCall): void | Promise<void>
  /** What throws here drops the answer, after the effect. */
  after?(call: EngineCall): void | Promise<void>
}

export interface MemoryEngineOptions extends CallHooks {
  readonly clock: Clock
  /** Runs until it is told to end, where nothing is said. */
  programOf?(container: MemoryContainer): Program
}

export interface MemoryEngine {
  /** As much of the client library as src/docker uses, execs excepted. */
  readonly engine: Engine
  /** Another client, as another process has it. */
  connect(hooks: CallHooks): Engine
  readonly world: World
  addImage(reference: string, config?: Parameters<typeof images.addImage>[2]): void
  /** The container's program ends; by name or id. */
  exit(ref: string, code: number, options?: { readonly oomKilled?: boolean }): void
  /** In the container, as its program would. */
  write(ref: string, path: string, text: string): void
  read(ref: string, path: string): string | undefined
  /** No call is answered until `recover`, and those under way are not either. */
  crash(fate: 'containers live' | 'containers die'): void
  recover(): void
}

/** What a client gets that has no connection: an error without a status. */
const noConnection = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
/** Of what was found dead at an engine's start. */
const unknownExit = 255

/** A Docker Engine in memory on a clock of its own, for those who need many engines or strange ones. */
export function createMemoryEngine(options: MemoryEngineOptions): MemoryEngine {
  const events = createEvents()
  const world = createWorld(options.clock, options.programOf ?? (() => ({})), events.emit)
  let run = 1
  let isDown = false
  let dying = new Set<MemoryContainer>()

  const toCall =
    ({ before, after }: CallHooks): Call =>
    async (name, target, effect, signal) => {
      const atStart = run
      const requireUp = (): void => {
        if (isDown || run !== atStart) throw noConnection()
      }
      const perform = async () => {
        await Promise.resolve()
        requireUp()
        await before?.({ name, target })
        requireUp()
        const result = await effect()
        requireUp()
        await after?.({ name, target })
        requireUp()
        return result
      }
      return signal ? orAbort(perform(), signal) : perform()
    }
  const connect = (hooks: CallHooks): Engine => toClient(world, toCall(hooks), events.follow) as Engine

  const stop = (): void => {
    run++
    isDown = true
    events.end()
  }

  return {
    engine: connect(options),
    connect,
    world,
    addImage: (reference, config) => void images.addImage(world, reference, config),
    exit: (ref, code, { oomKilled } = {}) =>
      containers.exitContainer(world, containers.getContainer(world, ref), code, oomKilled),
    write: (ref, path, text) => void filesAt(world, ref, path).set(path, text),
    read: (ref, path) => filesAt(world, ref, path).get(path),
    crash: (fate) => {
      stop()
      const running = [...world.containers.values()].filter(({ status }) => status === 'running')
      if (fate === 'containers die') dying = new Set([...dying, ...running])
    },
    recover: () => {
      isDown = false
      for (const container of dying) containers.exitContainer(world, container, unknownExit)
      dying = new Set()
    },
  }
}

function filesAt(world: World, ref: string, path: string): Map<string, string> {
  const container = containers.getContainer(world, ref)
  const mount = container.mounts.find((each) => path.startsWith(`${each.path}/`))
  return (mount && world.volumes.get(mount.name)) ?? container.files
}

interface CallOptions {
  readonly abortSignal?: AbortSignal
}
type Call = <T>(
  name: string,
  target: string,
  effect: () => T | Promise<T>,
  signal?: AbortSignal,
) => Promise<T>

type LogsDone = (error: Error | null, body?: AsyncIterable<Uint8Array>) => void

/** The client library's methods, in its shapes. */
function toClient(world: World, call: Call, follow: (signal?: AbortSignal) => AsyncIterable<Uint8Array>) {
  const toContainer = (ref: string) => ({
    id: ref,
    inspect: ({ abortSignal }: CallOptions = {}) =>
      call('container.inspect', ref, () => containers.inspectContainer(world, ref), abortSignal),
    start: ({ abortSignal }: CallOptions = {}) =>
      call('container.start', ref, () => containers.startContainer(world, ref), abortSignal),
    stop: ({ t = 10, abortSignal }: CallOptions & { t?: number } = {}) =>
      call('container.stop', ref, () => containers.stopContainer(world, ref, t), abortSignal),
    remove: ({ abortSignal, ...options }: CallOptions & { v?: boolean; force?: boolean } = {}) =>
      call('container.remove', ref, () => containers.removeContainer(world, ref, options), abortSignal),
    commit: ({ abortSignal, ...options }: CallOptions & images.CommitOptions) =>
      call('container.commit', ref, () => images.commitContainer(world, options), abortSignal),
  })
  return {
    version: () => call('version', '', () => ({ Version: '20.10.24' })),
    info: () => call('info', '', () => ({ DockerRootDir: '/' })),
    getEvents: ({ abortSignal }: CallOptions = {}) => call('events', '', () => follow(abortSignal)),
    listContainers: ({ filters, abortSignal }: CallOptions & { filters?: { label?: string[] } } = {}) =>
      call('container.list', '', () => containers.listContainers(world, filters?.label ?? []), abortSignal),
    getContainer: toContainer,
    createContainer: ({ abortSignal, ...options }: CallOptions & containers.CreateOptions) =>
      call('container.create', options.name, () => containers.createContainer(world, options), abortSignal),
    listImages: ({ filters = '{}', abortSignal }: CallOptions & { filters?: string } = {}) => {
      const { reference = [] } = JSON.parse(filters) as { reference?: string[] }
      return call('image.list', '', () => images.listImages(world, reference), abortSignal)
    },
    getImage: (name: string) => ({
      inspect: () => call('image.inspect', name, () => images.inspectImage(world, name)),
      remove: ({ force = false, abortSignal }: CallOptions & { force?: boolean } = {}) =>
        call('image.remove', name, () => images.removeImage(world, name, force), abortSignal),
    }),
    createImage: ({ fromImage, abortSignal }: CallOptions & { fromImage: string }) =>
      call('image.pull', fromImage, () => toLines(images.pullImage(world, fromImage)), abortSignal),
    listNetworks: ({ abortSignal }: CallOptions = {}) =>
      call('network.list', '', () => networks.listNetworks(world), abortSignal),
    createNetwork: ({
      abortSignal,
      ...options
    }: CallOptions & Parameters<typeof networks.createNetwork>[1]) =>
      call('network.create', options.Name, () => networks.createNetwork(world, options), abortSignal),
    getNetwork: (id: string) => ({
      remove: ({ abortSignal }: CallOptions = {}) =>
        call('network.remove', id, () => networks.removeNetwork(world, id), abortSignal),
    }),
    getVolume: (name: string) => ({
      remove: ({ abortSignal }: CallOptions = {}) =>
        call('volume.remove', name, () => networks.removeVolume(world, name), abortSignal),
    }),
    modem: {
      dial: async ({ path }: { path: string }, done: LogsDone): Promise<void> => {
        const ref = /^\/containers\/([^/]+)\/logs/.exec(path)?.[1] ?? ''
        try {
          done(null, await call('container.logs', ref, () => toLogBody(containers.getContainer(world, ref))))
        } catch (error) {
          done(error as Error)
        }
      },
    },
  } as unknown
}

async function* toLines(values: readonly object[]): AsyncGenerator<Uint8Array> {
  for (const value of values) yield Buffer.from(`${JSON.stringify(value)}\n`)
}
