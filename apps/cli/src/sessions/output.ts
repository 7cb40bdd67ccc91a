import type { SessionOutput } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { resolveSession } from './resolve-session.ts'
import { openStderr, openStdout } from './standard-streams.ts'
import { describeNews } from './tell-news.ts'

interface Range {
  readonly offset: number
  readonly limit: number | undefined
}

/** The most that one request gives. */
const limitMax = 64 << 20

/** Prints what is kept now; what is not any more is told on standard error. */
export async function printSessionOutput(
  context: ApiContext,
  container: string,
  reference: string,
  { offset, limit = limitMax }: Range,
): Promise<void> {
  const { api, output, signal } = context
  const params = await resolveSession(context, container, reference)
  const query = { offset, limit: Math.min(limit, limitMax) }
  const events = await api.sessions.output({ params, query }, { signal })
  const print = output.mode === 'json' ? printJson() : printBytes(context)
  for await (const event of events) await print(event)
}

function printJson(): (event: SessionOutput) => Promise<void> {
  const write = openStdout()
  return (event) => write(Buffer.from(`${JSON.stringify(event)}\n`))
}

function printBytes({ output }: ApiContext): (event: SessionOutput) => Promise<void> {
  const sinks = { stdout: openStdout(), stderr: openStderr() }
  return async ({ stream, data, gap }) => {
    const missing = gap === null ? undefined : describeNews({ kind: 'gap', bytes: gap })
    if (missing !== undefined) output.warn(missing)
    if (stream !== null && data !== null) await sinks[stream](Buffer.from(data, 'base64'))
  }
}
