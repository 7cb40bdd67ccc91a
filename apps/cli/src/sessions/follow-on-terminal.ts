import type { Channel } from '@gpulab/contract'
import type { HotContext } from '../context.ts'
import { escapeHelp, EscapeKeys } from '../terminal/escape-keys.ts'
import { openTerminal, type Terminal } from '../terminal/open-terminal.ts'
import type { TerminalDevice } from '../terminal/terminal-device.ts'
import type { Ending } from './ending.ts'
import { Detached, Left } from './leaving.ts'
import { type News, SessionClient, type SessionPlace } from './session-client.ts'
import { describeNews } from './tell-news.ts'

export interface TerminalOptions {
  /** Whether what is typed goes to the program, key by key. */
  readonly isTyped: boolean
  readonly isNew: boolean
  /** Attached already. */
  readonly channel?: Channel | undefined
  readonly device: TerminalDevice
  readonly offset?: number
  /** Whether the screen shows something else than what the program believes. */
  readonly needsRedraw?: boolean
  readonly onClient: (client: SessionClient) => void
}

/** Programs that are asked for their size at once, or a little later, see both sizes. */
const redrawMs = 100

/** Gives this terminal to a session until that ends or is left. The terminal is as before then. */
export async function followOnTerminal(
  { api, signal }: Pick<HotContext, 'api' | 'signal'>,
  place: SessionPlace,
  { isTyped, onClient, needsRedraw, device, ...options }: TerminalOptions,
): Promise<Ending> {
  await using terminal = await openTerminal(device, { isRaw: isTyped })
  const leaving = new AbortController()
  const client = new SessionClient(
    api,
    place,
    {
      input: isTyped ? readKeys(terminal, leaving) : undefined,
      output: terminal.output,
      error: terminal.output,
      signal: AbortSignal.any([signal, leaving.signal]),
      onNews: (news) => tell(terminal, client, news, needsRedraw),
    },
    options,
  )
  onClient(client)
  terminal.onResize((size) => client.resize(size))
  return await client.run()
}

/** What is typed, but for escapes. Its end, a terminal that is gone, is told by a signal. */
async function* readKeys(terminal: Terminal, leaving: AbortController): AsyncGenerator<Uint8Array> {
  const keys = new EscapeKeys()
  for await (const typed of terminal.keys()) {
    for (const item of keys.push(typed)) {
      if (item === 'leave' || item === 'detach') {
        await terminal.endLine()
        leaving.abort(item === 'leave' ? new Left() : new Detached())
      } else if (item === 'help') await terminal.say(escapeHelp)
      else yield item
    }
  }
}

async function tell(
  terminal: Terminal,
  client: SessionClient,
  news: News,
  needsRedraw = false,
): Promise<void> {
  if (news.kind === 'gap' || (news.kind === 'attached' && needsRedraw)) {
    await terminal.resetAttributes()
    redraw(terminal, client)
  }
  const sentence = describeNews(news)
  if (sentence !== undefined)
    await terminal.say(`gpulab: ${sentence}${news.kind === 'cut' ? ' ~. leaves.' : ''}`)
  if (news.kind === 'back') redraw(terminal, client)
}

/** A program that draws the whole screen does it again when the size of its terminal changes. */
function redraw({ size }: Terminal, client: SessionClient): void {
  const { columns, rows } = size()
  client.resize({ columns: Math.max(1, columns - 1), rows })
  setTimeout(() => client.resize(size()), redrawMs).unref()
}
