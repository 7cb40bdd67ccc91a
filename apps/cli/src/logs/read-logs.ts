import { type api, type CallInput, GpulabError, type LogLine, logTailMax } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { write } from '../output/write.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import { resumeStream } from '../resume-stream.ts'

export interface LogsInput {
  readonly follow: boolean
  readonly timestamps: boolean
  readonly tail: number | 'all' | undefined
  readonly stream: 'stdout' | 'stderr' | undefined
  readonly since: string | undefined
  readonly until: string | undefined
}

type Query = NonNullable<CallInput<typeof api.logs.read>['query']>

/** The container's own log, each stream to its own descriptor, until the container ends or what is there is read. */
export async function readLogs(context: ApiContext, reference: string, input: LogsInput): Promise<void> {
  const { api, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const { follow, tail, stream, since, until } = input
  const query: Query = {
    follow: follow ? 'true' : 'false',
    ...(tail !== undefined && { tail }),
    ...(stream && { stream }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
  const lines = resumeStream(
    (cursor) =>
      api.logs.read(
        { params: { uuid }, query: { ...query, ...(cursor !== undefined && { cursor }) } },
        { signal },
      ),
    { signal },
  )
  for await (const line of lines) await print(context, line, input.timestamps)
}

/** The deployment log: pull progress, start, or why it failed. */
export async function readDeployLog(
  context: ApiContext,
  reference: string,
  { follow, timestamps }: Pick<LogsInput, 'follow' | 'timestamps'>,
): Promise<void> {
  const { api, output, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  const lines = resumeStream(
    (cursor) =>
      api.logs.deploy(
        {
          params: { uuid },
          query: { follow: follow ? 'true' : 'false', ...(cursor !== undefined && { cursor }) },
        },
        { signal },
      ),
    { signal },
  )
  for await (const record of lines) {
    const text =
      output.mode === 'json' ? JSON.stringify(record) : `${timestamps ? `${record.ts} ` : ''}${record.line}`
    await write(process.stdout, `${text}\n`)
  }
}

async function print({ output }: ApiContext, record: LogLine, timestamps: boolean): Promise<void> {
  if (output.mode === 'json') return write(process.stdout, `${JSON.stringify(record)}\n`)
  if (record.gap) output.warn('Lines are missing here: they are not kept any more.')
  const text = `${timestamps ? `${record.ts} ` : ''}${record.line}${record.partial ? '' : '\n'}`
  await (record.stream === 'stdout'
    ? write(process.stdout, text)
    : write(process.stderr, process.stderr.isTTY ? output.styleError('red', text) : text))
}

/** A number of lines, or `all`. */
export function parseTail(text: string): number | 'all' {
  if (text === 'all') return 'all'
  const count = Number(text)
  if (/^\d+$/.test(text) && count <= logTailMax) return count
  throw new GpulabError('invalid_request', {
    message: `"${text}" is not a number of lines, 0 to ${logTailMax}.`,
    hint: 'Write --tail 500 or --tail all.',
  })
}
