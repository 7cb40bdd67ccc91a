import type { Clock } from '../../src/clock.ts'

/** What a container's program does, as far as an engine can tell. */
export interface Program {
  /** Ends by itself; without it, it runs until it is told to end. */
  readonly exit?: { readonly code: number; readonly afterMs?: number; readonly oomKilled?: boolean }
  /** The exit code after a polite signal (143 where nothing is said); null for one that has to be killed. */
  readonly stopCode?: number | null
  /** The engine's sentence when it can not be started. */
  readonly refusal?: string
  /** Lines that it writes on stderr. */
  readonly log?: readonly string[]
}

export interface MemoryContainer {
  readonly id: string
  readonly name: string
  readonly createdAt: string
  readonly imageId: string
  readonly config: ContainerConfig
  readonly hostConfig: { readonly NetworkMode: string; readonly [key: string]: unknown }
  readonly mounts: readonly { readonly name: string; readonly path: string; readonly anonymous: boolean }[]
  /** What was written outside its volumes, by path. */
  readonly files: Map<string, string>
  status: 'created' | 'running' | 'exited'
  startedAt: string
  finishedAt: string
  exitCode: number
  oomKilled: boolean
  pid: number
  log: string[]
}

export interface ContainerConfig {
  readonly Hostname?: string
  readonly Image: string
  readonly Env: readonly string[]
  readonly Cmd: readonly string[] | null
  readonly Entrypoint: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>>
  readonly Volumes: Readonly<Record<string, object>>
}

export interface MemoryImage {
  readonly id: string
  tags: string[]
  readonly parent: string | undefined
  readonly createdAt: number
  readonly config: Omit<ContainerConfig, 'Image' | 'Hostname'>
  readonly files: ReadonlyMap<string, string>
}

export interface MemoryNetwork {
  readonly id: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly subnets: readonly string[]
  readonly createdAt: string
}

/** All that an engine has on its disk, and its processes. */
export interface World {
  readonly clock: Clock
  readonly containers: Map<string, MemoryContainer>
  readonly images: Map<string, MemoryImage>
  readonly networks: Map<string, MemoryNetwork>
  /** Files by path, by the volume's name. */
  readonly volumes: Map<string, Map<string, string>>
  /** What a registry would give, by reference. */
  readonly registry: Map<string, MemoryImage['config']>
  programOf(container: MemoryContainer): Program
  newId(): string
  /** Now, as an engine writes it; never twice the same. */
  stamp(): string
  emit(action: string, container: MemoryContainer): void
}

export const neverTime = '0001-01-01T00:00:00Z'

export function createWorld(clock: Clock, programOf: World['programOf'], emit: World['emit']): World {
  let ids = 0
  let stamps = 0
  return {
    clock,
    containers: new Map(),
    images: new Map(),
    networks: new Map(),
    volumes: new Map(),
    registry: new Map(),
    programOf,
    newId: () => (++ids).toString(16).padStart(8, '0').repeat(8),
    stamp: () => {
      const [head = ''] = new Date(clock.now()).toISOString().split('Z')
      stamps = (stamps + 1) % 1_000_000
      return `${head}${String(stamps).padStart(6, '0')}Z`
    },
    emit,
  }
}

/** An error as the engine's client throws it. */
export function refusal(status: number, message: string): Error {
  const error = new Error(`(HTTP code ${status}) refused - ${message} `)
  return Object.assign(error, { statusCode: status, reason: 'refused', json: { message } })
}
