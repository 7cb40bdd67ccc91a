import { type Channel, frameType, GpulabError, parseControl, toControlFrame } from '@gpulab/contract'
import { askAgain } from '@gpulab/http'
import { setTimeout as wait } from 'node:timers/promises'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Deps } from '../deps.ts'
import { isSameOrigin } from '../requests/check-origin.ts'
import { valuesOf } from '../requests/check-request.ts'
import type { Toll } from '../requests/strangers.ts'
import { type Dialect, ours, toSize, ttyd } from './dialects.ts'
import { findAgent } from './find-agent.ts'
import { MessageQueue } from './message-queue.ts'

interface TerminalCall {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly uuid: string
  readonly host: string
  readonly toll: Toll
}

type Parts = Pick<Deps, 'control' | 'routes' | 'uplinks' | 'log'>

const protocols = ['gpulab.tty.v1', 'tty']
const messageMaxBytes = (1 << 20) + 1
const queueMaxBytes = 256 << 10
const firstMessageMs = 10_000
const startMs = 30_000
const pingMs = 15_000
/** Whether its key still counts, and still has this container. */
const askAgainMs = 15_000
const bufferBytes = 1 << 20
/** As ttyd does; the last is our own: try again. */
const closes = { ended: 1000, refused: 1008, again: 1013 } as const

const server = new WebSocketServer({
  noServer: true,
  maxPayload: messageMaxBytes,
  perMessageDeflate: false,
  handleProtocols: (offered) => protocols.find((name) => offered.has(name)) ?? false,
})

/** Opens a WebSocket to a terminal. Nothing of the container is touched before its first message has shown a ticket. */
export async function serveTerminal(deps: Parts, call: TerminalCall): Promise<void> {
  const { request, socket, head, uuid, host, toll } = call
  const origins = valuesOf(request.rawHeaders, 'origin')
  // Programs send none; what lets in is the ticket, which no page of another site has.
  if (origins.length > 0 && !isSameOrigin(origins, host)) {
    throw new GpulabError('origin_refused', { message: 'A page of another site may not open this terminal.' })
  }
  const offered = valuesOf(request.rawHeaders, 'sec-websocket-protocol').join(',').split(',')
  if (!offered.some((name) => protocols.includes(name.trim()))) {
    throw new GpulabError('invalid_request', { message: 'Offer the sub-protocol gpulab.tty.v1 or tty.' })
  }
  await deps.routes.find(uuid, toll)
  const client = await new Promise<WebSocket>((resolve) => {
    server.handleUpgrade(request, socket, head, resolve)
  })
  client.on('error', () => client.terminate())
  keepBusy(client)
  await run(deps, client, { uuid, toll }).catch((error: unknown) => {
    deps.log.debug({ err: error, uuid }, 'a terminal was cut')
    const isRefused = error instanceof GpulabError && error.status < 500
    client.close(isRefused ? closes.refused : closes.again, error instanceof GpulabError ? error.code : '')
  })
}

interface Hello {
  readonly ticket: string
  readonly columns: number
  readonly rows: number
  readonly offset: number
}

async function run(
  deps: Parts,
  client: WebSocket,
  { uuid, toll }: Pick<TerminalCall, 'uuid' | 'toll'>,
): Promise<void> {
  const messages = new MessageQueue(client)
  const first = await Promise.race([messages.next(), wait(firstMessageMs, undefined, { ref: false })])
  const { ticket, columns, rows, offset } = toHello(first)
  const { session_id: id, pass } = await toll(() =>
    deps.control.openTerminal({ body: { uuid, ticket } }, { timeoutMs: startMs }),
  )
  const agent = await findAgent(deps, uuid)
  await agent.sessions.create(
    {
      params: { uuid },
      body: { id, tty: { columns, rows }, env: { TERM: 'xterm-256color' }, max_buffer: bufferBytes },
    },
    { timeoutMs: startMs },
  )
  const dialect = client.protocol === 'tty' ? ttyd(`shell (${uuid.slice(0, 8)})`) : ours
  const query = { offset, acks: dialect.acks ? ('true' as const) : ('false' as const) }
  const session = await agent.sessions.attach({ params: { uuid, id }, query }, { timeoutMs: startMs })
  const stop = askAgain({
    ask: askForPass(deps, uuid, pass),
    isRefusal: ({ code }) => code === 'terminal_ticket_invalid' || code === 'container_not_found',
    onRefusal: ({ code }) => {
      client.close(closes.refused, code)
      // At once, whether or not the client hears.
      session.destroy()
    },
    everyMs: askAgainMs,
  })
  client.once('close', () => session.destroy())
  try {
    await session.send(toControlFrame({ type: 'resize', columns, rows }))
    for (const message of dialect.greeting) client.send(message)
    const gate = new Gate()
    passIn(messages, session, dialect, gate).catch(() => session.destroy())
    await passOut(client, session, dialect, gate)
  } finally {
    stop()
  }
}

/** Each pass is for a day, and a terminal may be open for longer. */
function askForPass({ control }: Pick<Parts, 'control'>, uuid: string, first: string): () => Promise<void> {
  let pass = first
  return async () => {
    const answer = await control.renewTerminal({ body: { uuid, pass } }, { timeoutMs: startMs })
    pass = answer.pass ?? pass
  }
}

/** Holds output back while the client has asked for a pause. */
class Gate {
  #opened: PromiseWithResolvers<void> | undefined

  set(isOpen: boolean): void {
    if (isOpen) {
      this.#opened?.resolve()
      this.#opened = undefined
    } else this.#opened ??= Promise.withResolvers()
  }

  wait(): Promise<void> | undefined {
    return this.#opened?.promise
  }
}

async function passIn(messages: MessageQueue, session: Channel, dialect: Dialect, gate: Gate): Promise<void> {
  for (;;) {
    const message = await messages.next()
    if (!message) {
      gate.set(true)
      session.destroy()
      return
    }
    const said = dialect.read(message)
    if (said === 'pause' || said === 'resume') gate.set(said === 'resume')
    else if (said) await session.send(said)
  }
}

async function passOut(client: WebSocket, session: Channel, dialect: Dialect, gate: Gate): Promise<void> {
  let last: string | undefined
  try {
    for await (const frame of session.incoming) {
      await gate.wait()
      const message = dialect.write(frame)
      if (message) await send(client, message)
      if (frame.type === frameType.control) last = parseControl(frame).type
    }
  } catch (error) {
    if (client.readyState === client.OPEN && !(error instanceof Error)) throw error
  }
  client.close(last === 'exit' ? closes.ended : closes.again)
}

const send = (client: WebSocket, message: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    client.send(message, (error) => (error ? reject(error) : resolve()))
    if (client.readyState === client.OPEN && client.bufferedAmount < queueMaxBytes) resolve()
  })

function toHello(message: Buffer | undefined): Hello {
  const value = parse(message)
  const { AuthToken: ticket, offset } = value
  if (typeof ticket !== 'string') throw new GpulabError('terminal_ticket_invalid')
  const from = typeof offset === 'number' && Number.isSafeInteger(offset) && offset >= 0 ? offset : 0
  return { ticket, offset: from, ...toSize(value) }
}

function parse(message: Buffer | undefined): { AuthToken?: unknown; offset?: unknown } {
  try {
    const value: unknown = JSON.parse(message?.toString() ?? '')
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

function keepBusy(client: WebSocket): void {
  const timer = setInterval(() => {
    if (client.readyState === client.OPEN) client.ping()
  }, pingMs)
  client.once('close', () => clearInterval(timer))
}
