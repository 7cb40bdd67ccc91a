import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RateOptions {
  readonly connections: number
  readonly warmUpMs: number
  readonly measureMs: number
}

/**
 * Answers a second over connections that stay open. Written for sockets: a client that parses answers costs as much as
 * the server that makes them, and shares its cores. Answers have a `content-length`, as all that are not streamed do.
 */
export async function measureRate(
  url: string,
  headers: Readonly<Record<string, string>>,
  { connections, warmUpMs, measureMs }: RateOptions,
): Promise<number> {
  const { host, hostname, port, pathname } = new URL(url)
  const lines = [`GET ${pathname} HTTP/1.1`, `host: ${host}`]
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  const request = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
  let answers = 0
  let failure: Error | undefined
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      await once(socket, 'connect')
      return socket
    }),
  )
  for (const socket of sockets) {
    askForEver(socket, request, (head) => {
      answers += 1
      if (!head.startsWith('HTTP/1.1 200 ')) failure ??= new Error(`${url} answered ${head.split('\r\n')[0]}`)
    })
    socket.on('error', (error) => (failure ??= error))
  }
  await new Promise((done) => setTimeout(done, warmUpMs))
  const [since, before] = [performance.now(), answers]
  await new Promise((done) => setTimeout(done, measureMs))
  const rate = ((answers - before) * 1000) / (performance.now() - since)
  for (const socket of sockets) socket.destroy()
  if (failure) throw failure
  return rate
}

/** Asks again as soon as an answer is whole. */
function askForEver(socket: Socket, request: Buffer, onAnswer: (head: string) => void): void {
  let head = ''
  let bodyLeft = -1
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk
    if (bodyLeft < 0) {
      const text = head + chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) {
        head = text
        return
      }
      rest = chunk.subarray(end + 4 - head.length)
      head = text.slice(0, end)
      bodyLeft = Number(/^content-length: (\d+)/im.exec(head)?.[1])
      if (Number.isNaN(bodyLeft)) return void socket.destroy(new Error(`No length in ${head}`))
    }
    bodyLeft -= rest.length
    if (bodyLeft > 0) return
    onAnswer(head)
    head = ''
    bodyLeft = -1
    socket.write(request)
  })
  socket.write(request)
}
