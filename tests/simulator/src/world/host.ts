import type { HostGpu } from '@gpulab/contract'
import type { Engine } from '../../../../apps/agent/src/docker/connect.ts'
import {
  createMemoryEngine,
  type EngineCall,
  type MemoryEngine,
} from '../../../../apps/agent/test/memory-engine.ts'
import * as containers from '../../../../apps/agent/test/memory-engine/containers.ts'
import * as networks from '../../../../apps/agent/test/memory-engine/networks.ts'
import { type MemoryContainer, refusal } from '../../../../apps/agent/test/memory-engine/world.ts'
import type { EngineContainer, EngineEvent, Leftover } from '../history.ts'
import type { Random } from '../random.ts'
import type { Timeline } from '../timeline.ts'
import type { Life } from './agent.ts'
import { markOf, type ProgramKind, toProgram } from './programs.ts'

/** Of the containers of an engine that crashes. */
export type Fate = 'containers live' | 'containers die'

/** What somebody with a shell on a host may do to its containers; to plant is to leave one of ours that nobody knows. */
export type Meddling = 'exit' | 'remove' | 'plant'

/** How an engine behaves at the moment; shares from 0 to 1. */
export interface Mood {
  /** Of calls that fail without an effect. */
  readonly failing: number
  /** Of calls whose answer is lost. */
  readonly losing: number
  /** Of calls that take long, and how long at most. */
  readonly slow: number
  readonly slowMs: number
}
export const calm: Mood = { failing: 0, losing: 0, slow: 0, slowMs: 0 }

/** The next call of that name goes wrong. */
export interface Trap {
  readonly call: string
  readonly when: 'before' | 'after'
  readonly what: 'kill agent' | 'lose answer' | 'crash engine'
}

export interface HostPlan {
  readonly name: string
  readonly gpus: readonly string[]
  readonly memoryBytes: number
  /** How much longer than usual its engine takes. */
  readonly pace: number
}

export interface HostEngine {
  readonly memory: MemoryEngine
  mood: Mood
  traps: Trap[]
  connect(life: Life): Engine
  /** Springs the trap that is set there, if any; true when the caller gets no answer. */
  spring(call: EngineCall, when: Trap['when']): boolean
  /** Makes a container with our labels, and perhaps lets it run. */
  plant(uuid: string, runs: boolean): void
  crash(fate: Fate): void
  recover(): void
  list(): EngineContainer[]
  listLeftovers(): Leftover[]
}

interface HostEngineDeps {
  readonly hostUuid: string
  readonly timeline: Timeline
  readonly random: Random
  readonly pace: number
  /** When everything has to be well again. */
  readonly peaceAt: number
  readonly programs: ReadonlyMap<string, ProgramKind>
  record(event: EngineEvent): void
  /** The machine's own. */
  now(): number
  /** A trap has sprung. */
  onTrap(trap: Trap): void
  trace(line: string): void
}

export const images = ['plain:1', 'volumes:1'] as const
export const pulledImage = 'registry.example/pulled:1'
export const missingImage = 'registry.example/missing:1'

const reads = new Set([
  'version',
  'info',
  'events',
  'container.list',
  'container.inspect',
  'container.logs',
  'image.inspect',
  'image.list',
  'network.list',
])
const hangForever = new Promise<never>(() => {})
const noAnswer = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })

export function createHostEngine(deps: HostEngineDeps): HostEngine {
  const { hostUuid, timeline, random, trace } = deps
  const clock = {
    now: deps.now,
    monotonic: () => timeline.now(),
    wait: (ms: number) => timeline.wait(ms),
    timeout: (ms: number) => timeline.timeout(ms),
  }
  const memory = createMemoryEngine({
    clock,
    programOf: (container) => toProgram(deps.programs.get(markOf(container)), random),
  })
  for (const image of images) {
    memory.addImage(image, image === 'volumes:1' ? { Volumes: { '/data': {} } } : {})
  }
  const empty = { Env: [], Cmd: null, Entrypoint: null, Labels: {}, Volumes: {} }
  memory.world.registry.set(pulledImage, empty)
  // Those whose processes run, whatever the engine knows of it.
  const live = new Map<string, MemoryContainer>()
  const changes = new Map<string, number>()
  observe()

  // As dockerd: whoever changes a container holds it, and whoever looks at it waits.
  const held = new Map<string, Promise<void>>()

  const self: HostEngine = {
    memory,
    mood: calm,
    traps: [],
    connect,
    spring,
    plant,
    crash,
    recover: () => memory.recover(),
    list: () =>
      [...memory.world.containers.values()].flatMap((container) => {
        const { uuid, generation } = identify(container)
        return uuid === ''
          ? []
          : [
              {
                hostUuid,
                uuid,
                generation,
                isRunning: live.has(container.id),
                changedAt: changes.get(container.id) ?? 0,
              },
            ]
      }),
    listLeftovers: () => {
      const { containers, images: all, volumes } = memory.world
      const tags = [...all.values()].flatMap((image) => image.tags)
      const committed = tags.filter((tag) => tag.startsWith('gpulab.local/'))
      const mounted = new Set(
        [...containers.values()].flatMap(({ mounts }) => mounts.map(({ name }) => name)),
      )
      const saved = [...all.values()].map(({ config }) => config.Labels['ai.gpulab.volumes'] ?? '').join()
      const loose = [...volumes.keys()].filter((name) => !mounted.has(name) && !saved.includes(name))
      return [
        ...committed.map((name) => ({ hostUuid, name, uuid: name.slice(13, 49) })),
        ...loose.map((name) => ({ hostUuid, name: `volume ${name.slice(0, 8)}`, uuid: null })),
      ]
    },
  }
  return self

  function observe(): void {
    const { world } = memory
    const emit = world.emit.bind(world)
    Object.assign(world, {
      emit: (action: string, container: MemoryContainer) => {
        note(action, container)
        emit(action, container)
      },
    })
  }

  function crash(fate: Fate): void {
    memory.crash(fate)
    held.clear()
    if (fate === 'containers live') return
    for (const container of live.values()) note('die', container)
  }

  function connect(life: Life): Engine {
    return memory.connect({
      before: (call) => before(life, call),
      after: (call) => after(life, call),
    })
  }

  async function before(life: Life, call: EngineCall): Promise<void> {
    if (!life.isAlive) await hangForever
    const { mood } = self
    const container = find(call.target)
    if (reads.has(call.name)) {
      if (container && call.name === 'container.inspect') await held.get(container.id)
      if (random.chance(0.1)) await timeline.wait(random.int(1, 30))
      if (random.chance(mood.failing / 4)) throw noAnswer()
      return
    }
    if (spring(call, 'before')) throw noAnswer()
    if (container) await held.get(container.id)
    const isSlow = random.chance(mood.slow)
    const rest = Math.max(deps.peaceAt - timeline.now(), 100)
    const usualMs = call.name === 'image.pull' ? 8000 : 150 * deps.pace
    const ms = random.int(1, isSlow ? mood.slowMs : usualMs)
    const wait = timeline.wait(Math.min(ms, rest))
    if (container) {
      // Until the effect, which follows at once.
      const done = wait.then(() => undefined)
      held.set(container.id, done)
      void done.then(() => held.get(container.id) === done && held.delete(container.id))
    }
    await wait
    // What had not been sent when it died has no effect.
    if (!life.isAlive && random.chance(0.3)) await hangForever
    if (random.chance(mood.failing)) throw toFailure(call)
  }

  async function after(life: Life, call: EngineCall): Promise<void> {
    if (!reads.has(call.name)) {
      if (spring(call, 'after')) throw noAnswer()
      if (random.chance(self.mood.losing)) throw noAnswer()
      if (random.chance(0.3)) await timeline.wait(random.int(1, 30))
    }
    if (!life.isAlive) await hangForever
  }

  function toFailure({ name }: EngineCall): Error {
    if (random.chance(0.4)) return noAnswer()
    if (random.chance(0.5)) return refusal(503, 'the engine is busy')
    if (name === 'container.commit') return refusal(500, 'write /var/lib/docker: no space left on device')
    return refusal(500, 'failed to do it: input/output error')
  }

  function plant(uuid: string, runs: boolean): void {
    const name = `gpulab-${uuid}-g1`
    const { uuid: container, generation, team, gpus, host } = labels
    const Labels = { [container]: uuid, [generation]: '1', [team]: uuid, [gpus]: '', [host]: hostUuid }
    const network = `gl-${uuid}`
    networks.createNetwork(memory.world, {
      Name: network,
      Labels: { [team]: uuid },
      Options: { [bridge]: network },
    })
    containers.createContainer(memory.world, {
      name,
      Image: images[0],
      Labels,
      HostConfig: { NetworkMode: network },
    })
    if (runs) containers.startContainer(memory.world, name)
  }

  function spring(call: EngineCall, when: Trap['when']): boolean {
    const index = self.traps.findIndex((trap) => trap.call === call.name && trap.when === when)
    const trap = self.traps[index]
    if (!trap) return false
    self.traps.splice(index, 1)
    trace(`${trap.what} ${when} ${call.name} ${call.target}`)
    deps.onTrap(trap)
    return trap.what === 'lose answer'
  }

  function find(ref: string): MemoryContainer | undefined {
    const { containers } = memory.world
    return containers.get(ref) ?? [...containers.values()].find(({ name }) => name === ref)
  }

  function note(action: string, container: MemoryContainer): void {
    const { uuid, generation } = identify(container)
    changes.set(container.id, timeline.now())
    if (uuid === '' || (action === 'die' && !live.delete(container.id))) return
    if (action !== 'create' && action !== 'start' && action !== 'die' && action !== 'destroy') return
    if (action === 'start') live.set(container.id, container)
    deps.record({
      at: timeline.now(),
      hostUuid,
      action,
      id: container.id,
      uuid,
      generation,
      gpus: gpusOf(container),
      startedAt: container.startedAt.startsWith('0001') ? null : container.startedAt,
      marks: readMarks(container),
      kept: action === 'destroy' ? readKept(uuid, container) : [],
    })
    if (action !== 'start') return
    const mark = `${generation} ${container.startedAt}`
    memory.write(container.id, `/work/${mark}`, mark)
    if (container.mounts.length > 0) memory.write(container.id, `/data/${mark}`, mark)
  }

  /** What other containers and committed images have of the same user's files. */
  function readKept(uuid: string, gone: MemoryContainer): string[] {
    const { containers, images: all, volumes } = memory.world
    const others = [...containers.values()].filter((each) => identify(each).uuid === uuid)
    const hasVolumes = gone.mounts.every(({ name }) => volumes.has(name))
    const saved = [...all.values()].filter(({ tags }) =>
      tags.some((tag) => tag.startsWith(`gpulab.local/${uuid}:`)),
    )
    return [
      ...others.flatMap(readMarks),
      ...(hasVolumes ? saved.flatMap(({ files }) => [...files.values()]) : []),
    ]
  }

  function readMarks({ files, mounts }: MemoryContainer): string[] {
    const volumes = mounts.flatMap(({ name }) => [...(memory.world.volumes.get(name)?.values() ?? [])])
    // What is in the one place and not in the other is lost as well.
    const inFiles = [...files.values()]
    return mounts.length === 0 ? inFiles : inFiles.filter((mark) => volumes.includes(mark))
  }
}

const bridge = 'com.docker.network.bridge.name'
const labels = {
  uuid: 'ai.gpulab.container',
  generation: 'ai.gpulab.generation',
  team: 'ai.gpulab.team',
  gpus: 'ai.gpulab.gpus',
  host: 'ai.gpulab.host',
}
export const identify = ({ config }: MemoryContainer): { uuid: string; generation: number } => ({
  uuid: config.Labels[labels.uuid] ?? '',
  generation: Number(config.Labels[labels.generation]),
})

function gpusOf({ hostConfig }: MemoryContainer): string[] {
  const { DeviceRequests = [] } = hostConfig as { DeviceRequests?: { DeviceIDs?: string[] }[] }
  return DeviceRequests.flatMap(({ DeviceIDs = [] }) => DeviceIDs)
}

export const toGpus = (hostIndex: number, names: readonly string[]): HostGpu[] =>
  names.map((name, index) => ({
    uuid: `GPU-${hostIndex}-${index}`,
    index,
    name,
    memory_bytes: 24 * 2 ** 30,
    simulated: true,
  }))
