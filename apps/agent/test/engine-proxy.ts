import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface EngineProxy extends AsyncDisposable {
  readonly dockerHost: string
  /** Requests whose method and path match get a 500 from now on; none when undefined. */
  fail(matching: RegExp | undefined): void
  /** How many got it since then. */
  failed(): number
}

/** Stands between an agent and its engine, to refuse single requests. Carries no hijacked connections. */
export async function startEngineProxy(dockerHost: string): Promise<EngineProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-proxy-'))
  const path = join(folder, 'engine.sock')
  const socketPath = dockerHost.replace('unix://', '')
  let failing: RegExp | undefined
  let failed = 0
  const forward = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method, url, headers } = incoming
    if (failing?.test(`${method} ${url}`)) {
      failed++
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ message: 'refused by the test' }))
      return
    }
    const outgoing = request({ socketPath, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    outgoing.once('error', () => response.destroy())
    response.once('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  }
  const server = createServer(forward)
  server.listen(path)
  await once(server, 'listening')
  return {
    dockerHost: `unix://${path}`,
    fail: (matching) => {
      failing = matching
      failed = 0
    },
    failed: () => failed,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
