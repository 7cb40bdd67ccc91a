import { once } from 'node:events'
import { connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { createSessionTransport } from './session-transport.ts'

/** A session whose other side does as told with each request. */
async function open(onRequest: (stream: ServerHttp2Stream) => void) {
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream) => onRequest(stream.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => {
    session.destroy()
    server.close()
  })
  return createSessionTransport(session)
}

/** For what is to be answered in time on a busy machine. */
const patientMs = 1000
const call = { method: 'GET', path: '/', headers: {}, timeoutMs: 200 }
const half = (status: number) => (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': status })
  stream.write('half')
}

it.each([
  ['no head', () => {}, {}],
  ['half of an answer that is timed as a whole', half(200), { isBodyTimed: true }],
  ['half of an error', half(503), {}],
])('gives up in time on %s', async (_name, onRequest, options) => {
  const transport = await open(onRequest)
  const read = async (): Promise<string> => text((await transport.request({ ...call, ...options })).body)
  await expect(read()).rejects.toMatchObject({ code: 'host_unreachable' })
})

it('lets a stream take its time', async () => {
  const transport = await open((stream) => {
    half(200)(stream)
    setTimeout(() => stream.end(' more'), 3 * patientMs)
  })
  const answer = await transport.request({ ...call, timeoutMs: patientMs })
  expect(await text(answer.body)).toBe('half more')
})

it.each([201, 204, 302, 303, 307, 308])(
  'takes %i for no channel, and goes where it leads to no more',
  async (status) => {
    let asked = 0
    const transport = await open((stream) => {
      asked++
      stream.respond(
        { ':status': status, location: 'http://169.254.169.254/' },
        { endStream: status === 204 },
      )
    })
    await expect(transport.connect(call)).rejects.toMatchObject({ code: 'host_unreachable' })
    expect(asked).toBe(1)
  },
)

it('takes no header without end for an answer', async () => {
  const transport = await open((stream) => {
    stream.respond({ ':status': 200, 'x-huge': 'x'.repeat(200_000) })
  })
  await expect(transport.connect(call)).rejects.toMatchObject({ code: 'host_unreachable' })
})
