import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { describeState } from './list.ts'
import { resolveSession } from './resolve-session.ts'

export async function killSession(context: ApiContext, container: string, reference: string): Promise<void> {
  const { api, output, signal } = context
  const place = await resolveSession(context, container, reference)
  const session = await api.sessions.kill({ params: place }, { signal })
  output.render({
    table: () =>
      output.line(`${output.style('green', '✓')} ${shortId(session.id)}: ${describeState(session)}`),
    json: session,
    quiet: [session.id],
  })
}
