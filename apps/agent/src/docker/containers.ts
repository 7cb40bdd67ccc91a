import type Docker from 'dockerode'
import { containerLabel } from '../containers/labels.ts'
import { mapBounded } from '../bounded.ts'
import type { Engine } from './connect.ts'
import { type EngineContainer, toContainer, toStuck } from './engine-container.ts'
import { callEngine, hasStatus, isEngineDown } from './errors.ts'

/** What the engine is asked to create. */
export type ContainerSpec = Docker.ContainerCreateOptions & { readonly name: string }
export type HostConfig = Docker.HostConfig

/** An image made of a container's files. */
export interface Commit {
  readonly repository: string
  readonly tag: string
  /** Put over those that the container has. */
  readonly labels: Readonly<Record<string, string>>
}

const listMs = 20_000
/** One whose shim hangs must not keep the others from being seen. */
const inspectMs = 5000
const createMs = 60_000
const startMs = 120_000
/** Between the polite signal and the kill. */
const stopGraceSeconds = 10
const stopMs = 60_000
const removeMs = 60_000
/** Some hundred gigabytes. */
const commitMs = 3600_000
const inspectsAtOnce = 16

const within = (ms: number): AbortSignal => AbortSignal.timeout(ms)

/** All containers with our label, or those of one uuid, in whatever state. */
export async function listContainers(engine: Engine, uuid?: string): Promise<EngineContainer[]> {
  const label = uuid === undefined ? containerLabel : `${containerLabel}=${uuid}`
  const options = { all: true, filters: { label: [label] }, abortSignal: within(listMs) }
  const rows = await callEngine(() => engine.listContainers(options))
  const found = await mapBounded(rows, inspectsAtOnce, (row) => findListed(engine, row))
  return found.filter((container) => container !== undefined)
}

async function findListed(engine: Engine, row: Docker.ContainerInfo): Promise<EngineContainer | undefined> {
  const late = within(inspectMs)
  try {
    return await findContainer(engine, row.Id, late)
  } catch (error) {
    if (late.aborted && isEngineDown(error)) return toStuck(row)
    throw error
  }
}

/** By id or name. */
export async function findContainer(
  engine: Engine,
  ref: string,
  abortSignal = within(listMs),
): Promise<EngineContainer | undefined> {
  try {
    const info = await callEngine(() => engine.getContainer(ref).inspect({ abortSignal }))
    return toContainer(info)
  } catch (error) {
    if (hasStatus(error, 404)) return undefined
    throw error
  }
}

export async function createContainer(engine: Engine, spec: ContainerSpec): Promise<void> {
  await callEngine(() => engine.createContainer({ ...spec, abortSignal: within(createMs) }))
}

/** Done as well when it runs already. */
export async function startContainer(engine: Engine, ref: string): Promise<void> {
  await ignoring([304], () => engine.getContainer(ref).start({ abortSignal: within(startMs) }))
}

/** Done as well when it had stopped or was gone. */
export async function stopContainer(engine: Engine, ref: string): Promise<void> {
  await ignoring([304, 404], () =>
    engine.getContainer(ref).stop({ t: stopGraceSeconds, abortSignal: within(stopMs) }),
  )
}

/** With its processes; done as well when it was gone or is being removed. */
export async function removeContainer(
  engine: Engine,
  ref: string,
  { volumes }: { readonly volumes: boolean },
): Promise<void> {
  // The engine takes anonymous volumes only, and those that another container has been given stay.
  const options = { force: true, v: volumes, abortSignal: within(removeMs) }
  await ignoring([404], () => engine.getContainer(ref).remove(options))
}

/** Makes an image of a container's files; what is in its volumes is not among them. */
export async function commitContainer(
  engine: Engine,
  ref: string,
  { repository, tag, labels }: Commit,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    _query: { container: ref, repo: repository, tag, pause: false },
    _body: { Labels: { ...labels } },
    abortSignal: AbortSignal.any([signal, within(commitMs)]),
  }
  await callEngine(() => engine.getContainer(ref).commit(options))
}

async function ignoring(statuses: number[], call: () => Promise<unknown>): Promise<void> {
  try {
    await callEngine(call)
  } catch (error) {
    if (!hasStatus(error, ...statuses)) throw error
  }
}
