import type { TargetContainer } from '@gpulab/contract'
import { orAbort } from '@gpulab/transport/or-abort'
import type { Clock } from '../clock.ts'
import type { Engine } from '../docker/connect.ts'
import { EngineError, hasStatus, isEngineTrouble } from '../docker/errors.ts'
import { askRegistry, type EngineImage, findImage, listIds, pullImage } from '../docker/images.ts'
import { holdsFiles, isCommittedReference } from './committed-images.ts'
import { anybody, type ImageAccess, toRepository } from './image-access.ts'
import { isDiskFull, StepFailure } from './failure.ts'
import { addPullEvent, describeProgress, noProgress } from './pull-progress.ts'

export interface ImagePuller {
  /**
   * The image, pulled if the engine does not have it, or has it from others who are logged in. `onLine` gets the
   * deployment log's lines.
   */
  ensure(wanted: WantedImage, onLine: (line: string) => void, signal: AbortSignal): Promise<EngineImage>
}

export type WantedImage = Pick<TargetContainer, 'image' | 'registry_login'>

export interface PullerDeps {
  readonly engine: Engine
  readonly clock: Clock
  readonly access: ImageAccess
  /** The engine has an image more than before. */
  onPulled(): void
}

interface Pull {
  readonly listeners: Set<(line: string) => void>
  readonly controller: AbortController
  readonly done: Promise<void>
}

interface PullSource {
  readonly reference: string
  readonly login: WantedImage['registry_login']
  readonly loginId: string
}

/** At most two progress lines a second. */
const progressMs = 500
/** A registry that sends nothing for so long has gone away. */
const stallMs = 300_000

/** Deployments that want the same image share one pull; it is given up when nobody waits for it any more. */
export function createImagePuller(deps: PullerDeps): ImagePuller {
  const { engine, access } = deps
  const isSomebodys = ({ labels, references }: EngineImage): boolean =>
    holdsFiles(labels) || access.isGuarded(references)
  const pulls = new Map<string, Pull>()

  const forget = (key: string, entry: Pull): void => {
    if (pulls.get(key) === entry) pulls.delete(key)
  }
  const startPull = (key: string, source: PullSource): Pull => {
    const listeners = new Set<(line: string) => void>()
    const controller = new AbortController()
    const tell = (line: string): void => listeners.forEach((listener) => listener(line))
    const done = pull(deps, source, tell, controller)
    const entry = { listeners, controller, done }
    pulls.set(key, entry)
    // Those who wait get the failure; there may be none left.
    done.catch(() => {}).finally(() => forget(key, entry))
    return entry
  }

  return {
    ensure: async ({ image: name, registry_login: login }, onLine, signal) => {
      if (isCommittedReference(name)) throw toNotFound(name)
      const loginId = login?.id ?? anybody
      const present = await findNamed(engine, name)
      // The engine takes the beginning of an id for a name, so that a guess could give what is somebody else's.
      if (present && isSomebodys(present) && !isNameOf(present, name)) throw toNotFound(name)
      if (present && access.allows(name, loginId, present.id)) return present
      const reference = toPullReference(name)
      const key = `${reference} ${loginId}`
      onLine(`Pulling ${reference}`)
      const entry = pulls.get(key) ?? startPull(key, { reference, login, loginId })
      entry.listeners.add(onLine)
      try {
        await orAbort(entry.done, signal)
      } finally {
        entry.listeners.delete(onLine)
        if (entry.listeners.size === 0) {
          // Whoever comes next must not share its end.
          forget(key, entry)
          entry.controller.abort()
        }
      }
      const image = await findImage(engine, name)
      if (!image)
        throw new StepFailure('image_pull_failed', `The image ${name} vanished right after its pull.`)
      onLine(`Pulled ${reference}`)
      return image
    },
  }
}

async function pull(
  { engine, clock, access, onPulled }: PullerDeps,
  { reference, login, loginId }: PullSource,
  tell: (line: string) => void,
  controller: AbortController,
): Promise<void> {
  let progress = noProgress
  let toldAt = -Infinity
  let heardAt = clock.monotonic()
  const done = new AbortController()
  const giveUpWhenStalled = async (): Promise<void> => {
    for (let restMs = stallMs; restMs > 0; restMs = heardAt + stallMs - clock.monotonic()) {
      await clock.wait(restMs, done.signal)
    }
    controller.abort()
  }
  const onEvent = (event: Parameters<typeof addPullEvent>[1]): void => {
    heardAt = clock.monotonic()
    progress = addPullEvent(progress, event)
    const line = describeProgress(progress)
    if (line === undefined || heardAt - toldAt < progressMs) return
    toldAt = heardAt
    tell(`Pulling ${reference}: ${line}`)
  }
  giveUpWhenStalled().catch(() => {})
  try {
    if (login) await access.guard(reference, (repository) => listIds(engine, repository))
    if (access.isGuarded([reference])) await askRegistry(engine, { reference, login }, controller.signal)
    await pullImage(engine, { reference, login }, onEvent, controller.signal)
    await access.allow(reference, loginId)
    onPulled()
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    // A registry's own 503 comes through as the engine's.
    if (isEngineTrouble(error.status, error.message) && !controller.signal.aborted) throw error
    throw toPullFailure(reference, login !== null, error)
  } finally {
    done.abort()
  }
}

const missing =
  /manifest.*(?:unknown|not found)|not found: manifest|repository does not exist|pull access denied|no such image|invalid reference|unauthorized|authentication required|no basic auth credentials|denied: |name unknown/i
const unreachable =
  /no such host|server misbehaving|connection (?:refused|reset)|unreachable|no route to host|time(?:d )?out|deadline exceeded|awaiting headers|EOF$/i

/** What a registry answers is for the operator's log only: it may be anything. */
export function toPullFailure(reference: string, hasLogin: boolean, error: EngineError): StepFailure {
  const { status, message } = error
  if (missing.test(message) || status === 404 || status === 400) {
    return hasLogin ? toRefused(reference, error) : toNotFound(reference, error)
  }
  const reason = isDiskFull(message)
    ? 'the host has no room for it'
    : status === undefined || unreachable.test(message)
      ? 'its registry may not be reachable from there'
      : 'its registry refused it'
  return new StepFailure(
    'image_pull_failed',
    `The image ${reference} is not on the host and could not be pulled: ${reason}.`,
    error,
  )
}

const isNameOf = ({ references }: EngineImage, name: string): boolean =>
  references.some((reference) => toRepository(reference) === toRepository(name))

/** What the engine does not even take for a name will not be there at the next try either. */
const findNamed = (engine: Engine, name: string): Promise<EngineImage | undefined> =>
  findImage(engine, name).catch((error: unknown) => {
    if (!(error instanceof EngineError) || !hasStatus(error, 400)) throw error
    throw new StepFailure('image_not_found', `There is no image ${name}: ${error.message}.`, error)
  })

const toNotFound = (reference: string, cause?: unknown): StepFailure =>
  new StepFailure('image_not_found', `The image ${reference} does not exist or needs a login.`, cause)

const toRefused = (reference: string, cause: unknown): StepFailure =>
  new StepFailure(
    'image_not_found',
    `The image ${reference} does not exist, or the team's login to its registry may not read it.`,
    cause,
  )

/** Without a tag the engine would pull all of them. */
export const toPullReference = (name: string): string =>
  name.includes('@') || /:[^/]+$/.test(name) ? name : `${name}:latest`
