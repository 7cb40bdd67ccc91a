import { type Channel, framesProtocol, type TransportRequest } from '@gpulab/contract'
import { NativeChannel, type NativeSocket } from './native-channel.ts'

interface Handlers {
  readonly binaryType: 'buffer'
  open(socket: NativeSocket): void
  handshake(socket: NativeSocket): void
  data(socket: NativeSocket, bytes: Buffer): void
  drain(): void
  close(): void
  error(): void
}

interface Runtime {
  connect(options: { hostname: string; port: number; tls: boolean; socket: Handlers }): Promise<NativeSocket>
}

const { Bun: bun } = globalThis as unknown as { readonly Bun: Runtime }
const answerMaxBytes = 64 << 10

/**
 * A connection of Bun's that is upgraded to frames: unlike in a WebSocket, nothing of them is masked. Undefined where that
 * can't be had, for whatever reason: proxies may know of no other upgrade than that to a WebSocket.
 */
export async function openNative(
  base: string,
  call: TransportRequest,
  timeoutMs: number,
): Promise<Channel | undefined> {
  const url = new URL(base + call.path)
  const isSecure = url.protocol === 'https:'
  const { promise: opened, resolve } = Promise.withResolvers<Channel | undefined>()
  let socket: NativeSocket | undefined
  let channel: NativeChannel | undefined
  let answer = Buffer.alloc(0)
  const abort = (): void => {
    socket?.terminate()
    resolve(undefined)
  }
  const ask = (connection: NativeSocket): void => {
    socket = connection
    connection.write(encodeRequest(url, call))
  }
  const takeAnswer = (connection: NativeSocket, bytes: Buffer): void => {
    answer = Buffer.concat([answer, bytes])
    const end = answer.indexOf('\r\n\r\n')
    if (end < 0 && answer.length < answerMaxBytes) return
    if (end < 0 || !answer.toString('latin1', 0, 13).startsWith('HTTP/1.1 101 ')) return abort()
    channel = new NativeChannel(connection)
    channel.onData(answer.subarray(end + 4))
    resolve(channel)
  }
  const timer = setTimeout(abort, timeoutMs)
  call.signal?.addEventListener('abort', abort, { once: true })
  const close = (): void => {
    call.signal?.removeEventListener('abort', abort)
    channel?.onClose()
    resolve(undefined)
  }
  const connecting = bun.connect({
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isSecure ? 443 : 80),
    tls: isSecure,
    socket: {
      binaryType: 'buffer',
      open: (connection) => {
        if (!isSecure) ask(connection)
      },
      // Of a certificate that is not known, or not of that name, nobody else takes notice.
      handshake: (connection) => (connection.authorized ? ask(connection) : connection.terminate()),
      data: (connection, bytes) => (channel ? channel.onData(bytes) : takeAnswer(connection, bytes)),
      drain: () => channel?.onDrain(),
      close,
      error: close,
    },
  })
  connecting.catch(close)
  const found = await opened
  clearTimeout(timer)
  if (!found) void connecting.then((late) => late.terminate()).catch(() => {})
  return found
}

/** Throws where a header has what none may have. */
function encodeRequest({ host, pathname, search }: URL, { headers }: TransportRequest): Buffer {
  const all = { ...headers, host, connection: 'Upgrade', upgrade: framesProtocol }
  const lines = [...new Headers(all as Record<string, string>)].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  return Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
}
