import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

export interface RawUpstream extends AsyncDisposable {
  readonly port: number
  /** All bytes that came, one text a connection. */
  readonly heard: string[]
}

/** Bytes, or what is done with the connection; `nth` counts the heads on it from 0. */
type Answer = string | ((socket: Socket, nth: number) => void)

/** Writes down what it hears, byte for byte, and answers each head that it sees, by itself with 200. */
export async function startRawUpstream(
  answer: Answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Upstream: yes\r\n\r\nok',
): Promise<RawUpstream> {
  const heard: string[] = []
  const server = createServer((socket) => {
    const index = heard.push('') - 1
    let answered = 0
    socket.on('error', () => {})
    socket.on('data', (part: Buffer) => {
      heard[index] += part.toString('latin1')
      const heads = heard[index]?.split('\r\n\r\n').length ?? 1
      for (; answered < heads - 1; answered++) {
        if (typeof answer === 'string') socket.write(answer)
        else answer(socket, answered)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    [Symbol.asyncDispose]: async () => void server.close(),
  }
}
