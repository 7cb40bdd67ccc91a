import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/**
 * What becomes of a POST: its connection is cut before its body is read, after it was read, after the API has done it,
 * or in the middle of the answer; a page comes in place of the API's answer, before or after it has done it; too many.
 */
export type Fault = 'unread' | 'read' | 'done' | 'half' | 'page' | 'page-done' | 'slow-down' | 'none'

export interface FaultyProxy {
  readonly url: string
  /** Of the next POSTs, one each; the rest go well. */
  faults: Fault[]
  /** POSTs that came. */
  posts: number
  close(): void
}

/** A proxy before the API that fails as networks and proxies do. */
export async function startFaultyProxy(apiUrl: string): Promise<FaultyProxy> {
  const server = createServer((incoming, response) => void answer(incoming, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: [],
    posts: 0,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
  return proxy

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const isPost = incoming.method === 'POST'
    if (isPost) proxy.posts++
    const fault = (isPost && proxy.faults.shift()) || 'none'
    if (fault === 'unread') return void incoming.socket.destroy()
    const body = await buffer(incoming)
    if (fault === 'read') return void incoming.socket.destroy()
    if (fault === 'page') return void response.writeHead(502).end('<html>')
    if (fault === 'slow-down') return void response.writeHead(429, { 'retry-after': '1' }).end('<html>')
    const { status, headers, text } = await forward(incoming, body)
    if (fault === 'done') return void incoming.socket.destroy()
    if (fault === 'page-done') return void response.writeHead(504).end('<html>')
    response.writeHead(status, headers)
    if (fault === 'none') return void response.end(text)
    response.write(text.subarray(0, text.length / 2), () => incoming.socket.destroy())
  }

  async function forward({ method = '', url, headers }: IncomingMessage, body: Buffer) {
    const onward = request(`${apiUrl}${url}`, { method, headers }).end(body)
    const [answered] = (await once(onward, 'response')) as [IncomingMessage]
    return { status: answered.statusCode ?? 0, headers: answered.headers, text: await buffer(answered) }
  }
}
