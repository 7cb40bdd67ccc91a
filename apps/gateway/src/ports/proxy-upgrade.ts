import { type IncomingMessage, request as sendRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { type Forwarding, toClientHeaders, toUpstreamHeaders } from '../requests/forward-headers.ts'
import { carry } from './carry.ts'
import { checkAnswer } from './check-answer.ts'
import type { ConnectPort } from './connect-port.ts'
import { answerTimedOut } from './upstream-failure.ts'
import type { Target } from './upstream-pool.ts'

interface UpgradeCall {
  readonly request: IncomingMessage
  readonly socket: Duplex
  readonly head: Buffer
  readonly target: Target
  readonly path: string
  readonly forwarding: Forwarding
}

interface Options {
  readonly connectPort: ConnectPort
  readonly answerTimeoutMs: number
}

/** So that the kernel tells of clients that are gone without a word. */
const keepAliveMs = 15_000

/** Passes a WebSocket's handshake on, and then bytes both ways. Rejects where no answer has begun. */
export async function proxyUpgrade(call: UpgradeCall, options: Options): Promise<void> {
  const { request, socket, target, path, forwarding } = call
  const upstream = await options.connectPort(target)
  if (socket.destroyed) return void upstream.destroy()
  let isAnswered = false
  upstream.on('error', () => {
    if (isAnswered) socket.destroy()
  })
  socket.once('close', () => upstream.destroy())
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = toUpstreamHeaders(request.rawHeaders, forwarding)
  headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  const outgoing = sendRequest({
    createConnection: () => upstream,
    method: 'GET',
    path,
    headers,
    setDefaultHeaders: false,
  })
  const ms = options.answerTimeoutMs
  const timer = setTimeout(() => outgoing.destroy(answerTimedOut(ms)), ms)
  outgoing.on('error', (error) => {
    clearTimeout(timer)
    reject(error)
  })
  outgoing.once('upgrade', (answer, _upstream, rest) => {
    clearTimeout(timer)
    isAnswered = true
    splice(call, upstream, answer, rest)
    resolve()
  })
  outgoing.once('response', (answer) => {
    clearTimeout(timer)
    try {
      checkAnswer(answer)
    } catch (error) {
      upstream.destroy()
      reject(error)
      return
    }
    isAnswered = true
    refuse(socket, answer)
    resolve()
  })
  outgoing.end()
  return promise
}

function splice(
  { socket, head }: UpgradeCall,
  upstream: Duplex,
  answer: IncomingMessage,
  rest: Buffer,
): void {
  const headers = [...toClientHeaders(answer.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', 'websocket']
  socket.write(toHead(101, 'Switching Protocols', headers))
  ;(socket as Partial<Socket>).setKeepAlive?.(true, keepAliveMs)
  ;(socket as Partial<Socket>).setNoDelay?.(true)
  if (rest.length > 0) socket.write(rest)
  if (head.length > 0) upstream.write(head)
  const cut = (): void => void socket.destroy()
  carry(socket, upstream, cut)
  carry(upstream, socket, cut)
}

/** Any other answer is passed on as it is, and ends the connection. Where it leads to is the client's affair. */
function refuse(socket: Duplex, answer: IncomingMessage): void {
  const headers = [...toClientHeaders(answer.rawHeaders), 'Connection', 'close']
  socket.write(toHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers))
  carry(answer, socket, () => socket.destroy())
  answer.once('close', () => {
    if (!answer.complete) socket.destroy()
  })
}

function toHead(status: number, message: string, headers: readonly string[]): Buffer {
  let text = `HTTP/1.1 ${status} ${message}\r\n`
  for (let index = 0; index < headers.length; index += 2)
    text += `${headers[index]}: ${headers[index + 1]}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}
