import { type Container, GpulabError, type LogLine } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { hasReached } from '../containers/has-reached.ts'
import { failLook, watchContainer } from '../containers/watch-container.ts'
import { resumeStream } from '../resume-stream.ts'
import { startOfRun } from './start-of-run.ts'

interface Step {
  readonly cursor: string | undefined
  readonly line?: LogLine
  /** The last step: the container, which will write no more. */
  readonly ended?: Container
}

const atRest: readonly string[] = ['stopped', 'failed', 'deleting']

/** Until the present run has written a line that matches, which it may have done already. */
export async function waitForLog(
  context: ApiContext,
  container: Container,
  pattern: RegExp,
): Promise<{ container: Container; line: LogLine }> {
  const begun = hasRun(container) ? container : await watchContainer(context, container, { isEnough: hasRun })
  for await (const { line, ended } of followLog(context, begun)) {
    if (line && pattern.test(line.line)) return { container: begun, line }
    if (ended) throw noLine(ended, pattern)
  }
  throw new GpulabError('internal', { message: 'The log has an end that its container has not.' })
}

/** One that has ended has a log too. */
function hasRun(container: Container): boolean {
  const { status, started_at: startedAt } = container
  const hasEnded = (status === 'stopped' || status === 'failed') && startedAt !== null
  return hasEnded || hasReached(container, 'running')
}

/** All lines of the present run and what comes, over cuts and restarts, and then the container that has ended. */
function followLog({ api, signal }: ApiContext, container: Container): AsyncGenerator<Step> {
  const { uuid } = container
  const since = startOfRun(container)
  const query = { follow: 'true', tail: 'all', ...(since !== undefined && { since }) } as const
  // The deadline of the wait decides how long a cut may last.
  return resumeStream(open, { signal, attemptsMax: Number.POSITIVE_INFINITY })

  async function open(from: string | undefined): Promise<AsyncIterable<Step>> {
    const lines = await api.logs.read(
      { params: { uuid }, query: { ...query, ...(from !== undefined && { cursor: from }) } },
      { signal },
    )
    return (async function* () {
      let cursor = from
      for await (const line of lines) {
        cursor = line.cursor
        yield { cursor, line }
      }
      const now = await api.containers
        .get({ params: { uuid } }, { signal })
        .catch((error: unknown) => failLook(error, container))
      if (atRest.includes(now.status)) yield { cursor, ended: now }
      // The host has not told of the end yet, a server has stopped, or the container is starting again.
      else throw new GpulabError('api_unreachable', { message: 'The API ended the log.' })
    })()
  }
}

const noLine = ({ uuid, name, status, status_reason: reason }: Container, pattern: RegExp): GpulabError =>
  new GpulabError('container_failed', {
    message: `Container ${name} is ${status} and has written no line that matches ${pattern}${reason ? `: ${reason.message}` : '.'}`,
    hint: `See gpulab logs ${shortId(uuid)}.`,
    details: { uuid, container_id: uuid, name, status, reason },
  })
