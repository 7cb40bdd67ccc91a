import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pick, shuffle } from './random.ts'

interface Sent {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Stands between agent and API and sends reports twice, late and in the wrong order. All else passes as it is. */
export interface ReportShuffler extends AsyncDisposable {
  readonly url: string
  readonly counts: Readonly<Record<'passed' | 'repeated' | 'stolen' | 'late', number>>
  /** Answers to what was sent again, by status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Sends every report that there ever was again, in any order. */
  replayAll(): Promise<void>
}

const mischiefPaths = ['/agent/v1/reports', '/agent/v1/heartbeats', '/agent/v1/deploy-log']
const historyMax = 2000

export async function startReportShuffler(apiPort: number, random: () => number): Promise<ReportShuffler> {
  const history: Sent[] = []
  const stolen: Sent[] = []
  const counts = { passed: 0, repeated: 0, stolen: 0, late: 0 }
  const statuses = new Map<number, number>()
  const chance = (probability: number): boolean => random() < probability

  const send = async ({ path, headers, body }: Sent): Promise<{ answer: IncomingMessage; body: Buffer }> => {
    const outgoing = request({
      host: '127.0.0.1',
      port: apiPort,
      method: 'POST',
      path,
      headers,
      agent: false,
    })
    outgoing.end(body)
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage]
    return { answer, body: await buffer(answer) }
  }
  const sendAgain = async (sent: Sent): Promise<void> => {
    const { answer } = await send(sent)
    const status = answer.statusCode ?? 0
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
  }
  /** The agent hears of a cut, and the API hears of the report later. */
  const steal = (sent: Sent, incoming: IncomingMessage): void => {
    counts.stolen++
    stolen.push(sent)
    incoming.socket.resetAndDestroy()
  }
  const passOn = async (sent: Sent, response: ServerResponse): Promise<void> => {
    counts.passed++
    const { answer, body } = await send(sent)
    response.writeHead(answer.statusCode ?? 502, answer.headers).end(body)
  }
  const play = async (sent: Sent): Promise<void> => {
    if (chance(0.5)) {
      counts.repeated++
      await sendAgain(sent)
    }
    if (chance(0.3)) {
      counts.repeated++
      await sendAgain(pick(random, history))
    }
    for (const late of chance(0.5) ? shuffle(random, stolen.splice(0)) : []) {
      counts.late++
      await sendAgain(late)
    }
  }
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = incoming.url ?? '/'
    if (!mischiefPaths.includes(path)) return relay(incoming, response, apiPort)
    const sent = { path, headers: incoming.headers, body: await buffer(incoming) }
    history.push(sent)
    if (history.length > historyMax) history.shift()
    if (chance(0.25)) return steal(sent, incoming)
    await passOn(sent, response)
    await play(sent)
  }

  const server = createServer((incoming, response) => {
    // The API may be away; the agent then hears the same.
    handle(incoming, response).catch(() => response.destroy())
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) =>
    tunnel(incoming, socket, head, apiPort),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    statuses,
    replayAll: async () => {
      for (const sent of shuffle(random, [...history, ...stolen.splice(0)])) await sendAgain(sent)
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function relay(incoming: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url: path, headers } = incoming
  const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent: false })
  outgoing.once('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
  })
  outgoing.once('error', () => response.destroy())
  response.once('close', () => outgoing.destroy())
  incoming.pipe(outgoing)
}

/** The uplink: once upgraded, bytes go both ways as they are. */
function tunnel(
  { method, url, rawHeaders }: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  port: number,
): void {
  const server = connect({ host: '127.0.0.1', port })
  const lines = rawHeaders.flatMap((name, n) => (n % 2 === 0 ? [`${name}: ${rawHeaders[n + 1]}`] : []))
  server.write(`${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  server.write(head)
  server.pipe(socket).pipe(server)
  for (const end of [server, socket]) {
    end.once('error', () => {})
    end.once('close', () => [server, socket].forEach((each) => each.destroy()))
  }
}
