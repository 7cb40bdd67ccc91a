import type { ApiContext } from '../context.ts'
import { finish } from '../exec/finish.ts'
import { isTerminal } from '../terminal/is-terminal.ts'
import { openDevice } from '../terminal/open-device.ts'
import type { Ending } from './ending.ts'
import { toFollowed } from './follow.ts'
import { followOnTerminal } from './follow-on-terminal.ts'
import type { Interruption } from './interruption.ts'
import { Detached, Left } from './leaving.ts'
import { resolveSession } from './resolve-session.ts'
import { SessionClient, type SessionPlace } from './session-client.ts'
import { openStderr, openStdout } from './standard-streams.ts'
import { tellNews } from './tell-news.ts'

interface AttachInput {
  readonly stdin: boolean
  readonly offset: number | undefined
}

/** Follows a session that somebody has started, and gives its exit code. Leaving it never ends it. */
export async function attachToSession(
  context: ApiContext,
  interruption: Interruption,
  container: string,
  reference: string,
  { stdin, offset }: AttachInput,
): Promise<number> {
  const { api, output, signal } = context
  const place = await resolveSession(context, container, reference)
  const session = await api.sessions.get({ params: place }, { signal })
  const onClient = (client: SessionClient): void => interruption.forwardTo((name) => client.sendSignal(name))
  const isOnTerminal = session.tty && isTerminal(1)
  // What was on the screen before would be drawn over, and its questions to the terminal answered once more.
  const from = offset ?? (session.tty ? session.end_offset : session.first_offset)
  try {
    const ending = isOnTerminal
      ? await followOnTerminal(context, place, {
          isTyped: isTerminal(0),
          isNew: false,
          device: openDevice(),
          offset: from,
          needsRedraw: true,
          onClient,
        })
      : await followStreams(context, place, { stdin, offset: from }, onClient)
    return finish({ output }, { ending }, { timeoutMs: undefined })
  } catch (error) {
    if (error instanceof Left || error instanceof Detached) {
      output.note('The session goes on.')
      return 0
    }
    const followed = toFollowed(error)
    return finish({ output }, followed, { timeoutMs: undefined })
  }
}

async function followStreams(
  { api, output, signal }: ApiContext,
  place: SessionPlace,
  { stdin, offset }: { stdin: boolean; offset: number },
  onClient: (client: SessionClient) => void,
): Promise<Ending> {
  const io = {
    input: stdin ? process.stdin : undefined,
    output: openStdout(),
    error: openStderr(),
    signal,
    onNews: tellNews(output),
  }
  const client = new SessionClient(api, place, io, { offset })
  onClient(client)
  try {
    return await client.run()
  } finally {
    if (stdin) process.stdin.destroy()
  }
}
