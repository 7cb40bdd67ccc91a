import { type Event, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId, statusLabel } from '../containers/describe.ts'
import { containerKind, resolveContainerUuid } from '../containers/kind.ts'
import { formatTime } from '../output/duration.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { write } from '../output/write.ts'
import { isMissing } from '../resolve.ts'
import { resumeStream } from '../resume-stream.ts'

const statusWidth = 11

export interface EventsInput {
  readonly follow: boolean
  readonly cursor: string | undefined
  readonly type: 'status' | 'deploy_log' | 'billing' | undefined
}

/** Events of one container until it is deleted, or of the whole team for ever; or those that there are. */
export async function readEvents(
  context: ApiContext,
  reference: string | undefined,
  input: EventsInput,
): Promise<void> {
  const { output, signal } = context
  const uuid = reference === undefined ? undefined : await resolveContainerUuid(context, reference)
  const events = resumeStream((cursor) => open(context, uuid, { ...input, cursor: cursor ?? input.cursor }), {
    signal,
  })
  for await (const event of input.follow ? untilDeleted(events) : events) {
    if (input.type === undefined || event.type === input.type) {
      await write(process.stdout, `${toLine(output, event, uuid === undefined)}\n`)
    }
  }

  /** The container's own stream may be read to its end only; one that has gone meanwhile has told it already. */
  async function* untilDeleted(followed: AsyncIterable<Event>): AsyncGenerator<Event> {
    let hasBegun = false
    try {
      for await (const event of followed) {
        hasBegun = true
        yield event
      }
    } catch (error) {
      if (!hasBegun || !isMissing(containerKind, error)) throw error
    }
  }
}

async function open(
  { api, signal }: ApiContext,
  uuid: string | undefined,
  { follow, cursor, type }: EventsInput,
): Promise<AsyncIterable<Event>> {
  const query = {
    follow: follow ? 'true' : 'false',
    ...(cursor !== undefined && { cursor }),
  } as const
  const events =
    uuid === undefined
      ? await api.events.ofTeam({ query: { ...query, ...(type && { type }) } }, { signal })
      : await api.events.ofContainer({ params: { uuid }, query }, { signal })
  return follow ? withoutEnd(events, uuid !== undefined) : events
}

/** A followed stream has no end but the deletion of its container: a server that stops is not one. */
async function* withoutEnd(events: AsyncIterable<Event>, endsWithDeletion: boolean): AsyncGenerator<Event> {
  for await (const event of events) {
    yield event
    if (endsWithDeletion && event.status === 'deleted') return
  }
  throw new GpulabError('api_unreachable', { message: 'The API ended the stream of events.' })
}

function toLine(output: Output, event: Event, isOfTeam: boolean): string {
  if (output.mode === 'json') return JSON.stringify(event)
  if (output.mode === 'quiet') return escapeText(event.container_uuid)
  const status = event.status ?? (event.type === 'billing' ? event.type : '')
  const padding = ' '.repeat(Math.max(0, statusWidth - status.length))
  return [
    escapeText(formatTime(event.at)),
    ...(isOfTeam ? [shortId(event.container_uuid)] : []),
    statusLabel(output, status) + padding,
    messageOf(event),
  ]
    .join('  ')
    .trimEnd()
}

/** The message of a plain change of status is the status. */
const messageOf = ({ status, reason, message }: Event): string =>
  message === status ? '' : escapeText(reason === null ? message : `${message} (${reason})`)
