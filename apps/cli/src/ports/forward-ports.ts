import { type Container, GpulabError } from '@gpulab/contract'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from 'node:net'
import type { ApiContext } from '../context.ts'
import { resolveContainer } from '../containers/kind.ts'
import { escapeText } from '../output/escape.ts'
import type { Output } from '../output/output.ts'
import { carryConnection } from './carry-connection.ts'
import type { Forward } from './parse-forward.ts'

/** Serves until the user leaves or the container is gone. */
export async function forwardPorts(
  context: ApiContext,
  reference: string,
  forwards: readonly Forward[],
  address: string,
): Promise<void> {
  const { output, signal } = context
  const container = await resolveContainer(context, reference)
  if (container.status !== 'running')
    output.warn(`Container ${container.name} is ${container.status}: connections fail until it runs.`)
  await using servers = new AsyncDisposableStack()
  const gone = Promise.withResolvers<never>()
  for (const forward of forwards) {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      serveConnection(context, container.uuid, forward.port, socket).catch((error: unknown) => {
        if (error instanceof GpulabError && error.code === 'container_not_found') gone.reject(error)
        else if (!signal.aborted) tell(forward, error)
      })
    })
    const local = await listen(server, forward, address)
    servers.defer(() => void server.close())
    announce(output, container, { port: forward.port, address, local })
  }
  await Promise.race([gone.promise, once(signal, 'abort')])
  signal.throwIfAborted()
}

interface Listening extends Forward {
  readonly address: string
}

function announce(output: Output, { uuid, name }: Container, { port, address, local }: Listening): void {
  const from = at(address, local)
  if (output.mode === 'json') output.line(JSON.stringify({ uuid, name, port, address, local_port: local }))
  else if (output.mode === 'quiet') output.line(from)
  else output.line(`${from} leads to port ${port} of ${escapeText(name)}`)
}

async function serveConnection(
  { api, signal }: ApiContext,
  uuid: string,
  port: number,
  socket: Socket,
): Promise<void> {
  // What happens to it is told by whoever reads or writes.
  socket.on('error', () => {})
  try {
    await carryConnection(socket, await api.ports.connect({ params: { uuid, port } }, { signal }))
  } catch (error) {
    const hasLeft = socket.destroyed
    socket.resetAndDestroy()
    if (!hasLeft) throw error
  }
}

async function listen(server: Server, { port, local }: Forward, address: string): Promise<number> {
  server.listen(local, address)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const isTaken = code === 'EADDRINUSE'
    throw new GpulabError('invalid_request', {
      message: isTaken
        ? `Port ${local} of this machine is taken.`
        : `Cannot listen on ${at(address, local)}: ${code ?? (cause as Error).message}.`,
      hint: isTaken ? `Choose another: ${port}:0 takes any that is free.` : 'Check the address and the port.',
      cause,
    })
  }
  return (server.address() as AddressInfo).port
}

const at = (address: string, port: number): string =>
  isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`

function tell({ port }: Forward, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`port ${port}: ${escapeText(message)}\n`)
}
