import { type Container, type Event, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { resumeStream } from '../resume-stream.ts'

/** Clocks of the status and of its event are read one after the other. */
const clockSlackMs = 2000

export interface WatchOptions {
  /** Whether the container is what was waited for; throws when it will never be. */
  readonly isEnough: (container: Container) => boolean
  readonly onEvent?: (event: Event) => void
  /** The container after each change of its status, and after each step in line. */
  readonly onLook?: (container: Container) => void
}

/**
 * The container once it is as wanted, after a change since `known`. An event only says when to look: what the API
 * answers then is the truth.
 */
export async function watchContainer(
  { api, signal }: ApiContext,
  known: Container,
  { isEnough, onEvent, onLook }: WatchOptions,
): Promise<Container> {
  const { uuid } = known
  const since = Date.parse(known.since) - clockSlackMs
  const steps = resumeStream((cursor) => openSteps(cursor), { signal })
  for await (const { event, container } of steps) {
    if (event && Date.parse(event.at) >= since) onEvent?.(event)
    if (!container) continue
    onLook?.(container)
    if (isEnough(container)) return container
  }
  throw new GpulabError('internal', { message: 'The stream of events has an end.' })

  /** Looks as a part of the stream, so that a look that fails in passing is repeated with its event. */
  async function openSteps(from: string | undefined): Promise<AsyncIterable<Step>> {
    const query = { follow: 'true', ...(from !== undefined && { cursor: from }) } as const
    const events = await api.events
      .ofContainer({ params: { uuid }, query }, { signal })
      .catch((error: unknown) => failLook(error, known))
    return (async function* () {
      let cursor = from
      for await (const event of events) {
        cursor = event.cursor
        const isTurn = event.type === 'status' && Date.parse(event.at) >= since
        yield { cursor, event, container: isTurn ? await look() : undefined }
      }
      // It ends when the container is deleted, which looking tells, or when a server stops: then on to the next.
      yield { cursor, event: undefined, container: await look() }
      throw new GpulabError('api_unreachable')
    })()
  }

  function look(): Promise<Container> {
    return api.containers
      .get({ params: { uuid } }, { signal })
      .catch((error: unknown) => failLook(error, known))
  }
}

interface Step {
  readonly cursor: string | undefined
  readonly event: Event | undefined
  readonly container: Container | undefined
}

export function failLook(error: unknown, { uuid, name }: Container): never {
  if (!(error instanceof GpulabError) || error.code !== 'container_not_found') throw error
  throw new GpulabError('container_not_found', {
    message: `Container ${name} was deleted.`,
    details: { uuid, container_id: uuid, name },
  })
}
