import type { ContainerFacts, TargetContainer } from '@gpulab/contract'

/** A container of the simulated host. */
export interface Made {
  readonly generation: number
  readonly state: 'running' | 'exited'
  readonly startedAt: string
  readonly finishedAt: string | null
  readonly gpuUuids: readonly string[]
}

/** What is to be done so that the wish comes true. */
export function nextStep(
  wish: TargetContainer,
  made: Made | undefined,
): 'start' | 'stop' | 'remove' | undefined {
  switch (wish.desired) {
    case 'absent':
      return made && 'remove'
    case 'stopped':
      return made?.state === 'running' ? 'stop' : undefined
    case 'running':
      return made?.generation === wish.generation && made.startedAt !== wish.start_after ? undefined : 'start'
  }
}

export interface SimulatedEngine {
  /** Begins all that a target asks for. */
  follow(wishes: readonly TargetContainer[]): void
  facts(): ContainerFacts[]
  running(): number
  /** Cards that a container was started with while another one ran with them. */
  doubleUses(): number
}

/** Stands in for Docker: each step takes a random time between the two. */
const stepMs = { least: 5, most: 50 }

export function createSimulatedEngine(changed: () => void): SimulatedEngine {
  const containers = new Map<string, Made>()
  const busy = new Set<string>()
  const users = new Map<string, string>()
  let wanted = new Map<string, TargetContainer>()
  let doubleUses = 0
  let runs = 0

  const now = (): string => new Date().toISOString().replace('Z', `${String(++runs % 1e6).padStart(6, '0')}Z`)
  const release = (uuid: string): void => {
    for (const gpu of containers.get(uuid)?.gpuUuids ?? []) if (users.get(gpu) === uuid) users.delete(gpu)
  }
  const steps = {
    start: (uuid: string, wish: TargetContainer) => {
      release(uuid)
      for (const gpu of wish.gpu_uuids) {
        if (users.has(gpu)) doubleUses += 1
        users.set(gpu, uuid)
      }
      containers.set(uuid, {
        generation: wish.generation,
        state: 'running',
        startedAt: now(),
        finishedAt: null,
        gpuUuids: wish.gpu_uuids,
      })
    },
    stop: (uuid: string) => {
      release(uuid)
      const made = containers.get(uuid)
      if (made) containers.set(uuid, { ...made, state: 'exited', finishedAt: now() })
    },
    remove: (uuid: string) => {
      release(uuid)
      containers.delete(uuid)
    },
  }

  const begin = (uuid: string): void => {
    const wish = wanted.get(uuid)
    if (busy.has(uuid) || !wish || !nextStep(wish, containers.get(uuid))) return
    busy.add(uuid)
    setTimeout(finish, stepMs.least + Math.random() * (stepMs.most - stepMs.least), uuid)
  }
  /** Does what the newest target says, which need not be what the step was begun for. */
  const finish = (uuid: string): void => {
    busy.delete(uuid)
    const wish = wanted.get(uuid)
    const step = wish && nextStep(wish, containers.get(uuid))
    if (step) steps[step](uuid, wish)
    changed()
  }

  return {
    follow: (wishes) => {
      wanted = new Map(wishes.map((wish) => [wish.uuid, wish]))
      for (const uuid of wanted.keys()) begin(uuid)
    },
    facts: () => [
      ...[...containers].map(([uuid, made]) => toFacts(uuid, made, busy.has(uuid))),
      ...[...busy].filter((uuid) => !containers.has(uuid)).map((uuid) => toComing(uuid, wanted.get(uuid))),
    ],
    running: () => containers.values().reduce((sum, { state }) => sum + (state === 'running' ? 1 : 0), 0),
    doubleUses: () => doubleUses,
  }
}

const nothing = {
  started_at: null,
  finished_at: null,
  exit_code: null,
  oom_killed: false,
  restarts: 0,
  failure: null,
}

const toFacts = (uuid: string, made: Made, busy: boolean): ContainerFacts => ({
  ...nothing,
  uuid,
  generation: made.generation,
  state: made.state,
  busy,
  started_at: made.startedAt,
  finished_at: made.finishedAt,
  exit_code: made.state === 'exited' ? 143 : null,
  gpu_uuids: [...made.gpuUuids],
})

const toComing = (uuid: string, wish: TargetContainer | undefined): ContainerFacts => ({
  ...nothing,
  uuid,
  generation: wish?.generation ?? 1,
  state: 'pulling',
  busy: true,
  gpu_uuids: wish?.gpu_uuids ?? [],
})
