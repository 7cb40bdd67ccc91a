import type { AgentStep, Operation } from '@gpulab/fail-points'
import { callEngine, readText } from '@gpulab/images'
import { GpulabError } from '@gpulab/contract'
import { listEngine } from './observe.ts'
import type { FaultSystem } from './system.ts'

/**
 * States in which a container rests. `displaced`: stopped, and its card is another's by now. `moved`: it was, and runs
 * on another card. `restartable`: runs, and shall whenever it ends. `queued`: the one card that it wants is another's.
 * `placed`: runs on such a card.
 */
export const rests = [
  'none',
  'running',
  'stopped',
  'displaced',
  'moved',
  'restartable',
  'queued',
  'placed',
] as const
export type Rest = (typeof rests)[number]

export interface Subject {
  readonly name: string
  readonly uuid: string
  /** Who has its card, where somebody does. */
  readonly rival?: Subject
}

/** What may happen to a container, and is interrupted by a fault. */
export const happenings = [
  'create',
  'stop',
  'start',
  'start-elsewhere',
  'restart',
  'rerun',
  'redeploy',
  'remove',
  'remove-moved',
  'place',
] as const
export type Happening = (typeof happenings)[number]

type Parts = Pick<FaultSystem, 'client' | 'image' | 'gpuType' | 'dockerHost'>

export interface HappeningRule {
  /** In what state the container is before, and after. */
  readonly from: Rest
  readonly to: Rest
  /** What the API does for it. */
  readonly operation: Operation | undefined
  /** What the agent does for it. */
  readonly steps: readonly AgentStep[]
  /** Brings it about; gives the container's uuid once that is known to be under way. */
  readonly ask: (parts: Parts, subject: Subject) => Promise<string>
}

const memoryBytes = 32 << 20

export interface Wanted {
  readonly gpuType?: string
  readonly isRestartable?: boolean
}

/** Asks for a container with one card, and waits in line for it while its host is in trouble. */
export async function deploy(
  { client, image, gpuType }: Parts,
  name: string,
  wanted: Wanted = {},
): Promise<string> {
  const restart = { policy: wanted.isRestartable ? 'unless-stopped' : 'no', max_retries: null } as const
  const body = {
    name,
    image,
    gpu_type: wanted.gpuType ?? gpuType,
    memory_bytes: memoryBytes,
    command: ['sleep', '100000'],
    queue: true,
    restart,
  }
  return (await client.containers.create({ body })).uuid
}

export async function remove({ client }: Parts, { uuid }: Subject): Promise<string> {
  await client.containers.remove({ params: { uuid } }).catch((error: unknown) => {
    // Said again after an answer that was lost: it may be gone by now.
    if (!(error instanceof GpulabError) || error.code !== 'container_not_found') throw error
  })
  return uuid
}

const change =
  (action: 'stop' | 'start' | 'restart' | 'redeploy'): HappeningRule['ask'] =>
  async ({ client }, { uuid }) =>
    (await client.containers[action]({ params: { uuid } })).uuid

/** As if its program had crashed. */
async function crash({ dockerHost }: Parts, { uuid }: Subject): Promise<string> {
  const container = (await listEngine(dockerHost)).find((each) => each.uuid === uuid)
  const path = `/containers/${container?.id}/kill?signal=KILL`
  // The engine may be killed before it answers, since what it has done is seen earlier.
  await callEngine(dockerHost, path, { method: 'POST' })
    .then(({ body }) => readText(body))
    .catch(() => {})
  return uuid
}

const freeItsCard: HappeningRule['ask'] = async (parts, { uuid, rival }) => {
  if (rival) await remove(parts, rival)
  return uuid
}

const makeAndStart = ['create', 'start'] as const

export const happeningRules: Readonly<Record<Happening, HappeningRule>> = {
  create: {
    from: 'none',
    to: 'running',
    operation: 'create',
    steps: makeAndStart,
    ask: (parts, { name }) => deploy(parts, name),
  },
  stop: { from: 'running', to: 'stopped', operation: 'stop', steps: ['stop'], ask: change('stop') },
  start: { from: 'stopped', to: 'running', operation: 'start', steps: ['start'], ask: change('start') },
  'start-elsewhere': {
    from: 'displaced',
    to: 'moved',
    operation: 'start',
    steps: ['commit', 'create', 'remove', 'start'],
    ask: change('start'),
  },
  restart: {
    from: 'running',
    to: 'running',
    operation: 'restart',
    steps: ['restart'],
    ask: change('restart'),
  },
  rerun: { from: 'restartable', to: 'restartable', operation: undefined, steps: ['rerun'], ask: crash },
  redeploy: {
    from: 'stopped',
    to: 'running',
    operation: 'redeploy',
    steps: ['remove', 'create', 'start'],
    ask: change('redeploy'),
  },
  remove: { from: 'running', to: 'none', operation: 'remove', steps: ['remove'], ask: remove },
  'remove-moved': {
    from: 'moved',
    to: 'none',
    operation: 'remove',
    steps: ['remove', 'forget'],
    ask: remove,
  },
  place: { from: 'queued', to: 'placed', operation: 'place', steps: makeAndStart, ask: freeItsCard },
}

/** What its user is shown of a container at rest. */
export const statusAt: Readonly<Record<Rest, string>> = {
  none: 'deleted',
  running: 'running',
  stopped: 'stopped',
  displaced: 'stopped',
  moved: 'running',
  restartable: 'running',
  queued: 'queued',
  placed: 'running',
}
