import { agent, type Channel, frameType, GpulabError, parseControl, toControlFrame } from '@gpulab/contract'
import { createServe, createServer, createUplinkServer, type Server } from '@gpulab/http'
import { connect } from 'node:net'
import { once } from 'node:events'

/** A host whose containers' ports are TCP ports of this machine, on a real uplink. */
export async function dialAsHost(
  url: string,
  ticket: string,
  dials: string[],
  extend: (app: Server) => void = () => {},
): Promise<AsyncDisposable> {
  const app = createServer({ logger: false })
  const serve = createServe(app, () => Promise.resolve(undefined))
  serve(agent.ports.connect, async ({ params }, { signal }, open) => {
    dials.push(`${params.uuid}:${params.port}`)
    const socket = connect({ port: params.port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect').catch((cause: unknown) => {
      throw new GpulabError('port_closed', {
        message: `Nothing in the container answers on port ${params.port}.`,
        cause,
      })
    })
    signal.addEventListener('abort', () => socket.destroy())
    socket.on('error', () => {})
    const channel = await open()
    void feed(
      channel,
      (bytes) => socket.write(bytes),
      () => socket.end(),
    ).catch(() => socket.destroy())
    for await (const chunk of socket.iterator({ destroyOnReturn: false }))
      await channel.send({ type: frameType.stdout, payload: chunk as Buffer })
    await channel.send(toControlFrame({ type: 'eof' }))
    if (!socket.closed) await once(socket, 'close')
  })
  extend(app)
  const uplinks = createUplinkServer(app)
  const stopping = new AbortController()
  const uplink = await uplinks.dial({
    url,
    headers: { authorization: `Bearer ${ticket}` },
    signal: stopping.signal,
  })
  return {
    [Symbol.asyncDispose]: async () => {
      stopping.abort()
      uplinks.close()
      uplink.destroy()
      await app.close()
    },
  }
}

async function feed(channel: Channel, write: (bytes: Uint8Array) => void, end: () => void): Promise<void> {
  for await (const frame of channel.incoming) {
    if (frame.type === frameType.stdin) write(frame.payload)
    else if (parseControl(frame).type === 'eof') end()
  }
  end()
}
