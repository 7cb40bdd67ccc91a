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
  /** Requests under way whose method and path match. */
  open(matching: RegExp): number
}

/** Stands between an agent and its engine, to refuse single requests. Carries no hijacked connections. */
export async function startEngineProxy(dockerHost: string): Promise<EngineProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'gpulab-proxy-'))
  const path = join(folder, 'engine.sock')
  const socketPath = dockerHost.replace('unix://', '')
  let failing: RegExp | undefined
  let failed = 0
  const underWay = new Set<{ readonly name: string }>()
  const forward = (incoming: IncomingMessage, response: ServerResponse): void => {
    const { method, url, headers } = incoming
    if (failing?.test(`${method} ${url}`)) {
      failed++
      response.writeHead(500, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ message: 'refused by the test' }))
      return
    }
    // An object, since several may be of one name.
    const call = { name: `${method} ${url}` }
    underWay.add(call)
    const outgoing = request({ socketPath, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.once('error', () => response.destroy())
      answer.pipe(response)
    })
    outgoing.once('error', () => response.destroy())
    response.once('close', () => {
      underWay.delete(call)
      outgoing.destroy()
    })
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
    open: (matching) => [...underWay].filter(({ name }) => matching.test(name)).length,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
