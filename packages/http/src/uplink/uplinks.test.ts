import { agent, laneProtocol, uplinkPath, uplinkProtocol } from '@gpulab/contract'
import { afterEach, expect, it } from 'vitest'
import {
  createServe,
  createServer,
  createUplinks,
  createUplinkServer,
  takeUpgrade,
  type Uplinks,
} from '../index.ts'

let closers = new AsyncDisposableStack()
afterEach(async () => {
  await closers.disposeAsync()
  closers = new AsyncDisposableStack()
})

/** An address of the control plane; that of a balancer leads lanes to another replica. */
async function openDoor(uplinks: Uplinks, leadsElsewhere: boolean): Promise<string> {
  const app = createServer({ logger: false })
  app.get(uplinkPath, async (request, reply) => {
    const lane = takeUpgrade(request, laneProtocol)
    const upgrade = lane ?? takeUpgrade(request, uplinkProtocol)
    if (!upgrade) return
    if (!lane) await uplinks.accept('host', upgrade.socket, upgrade.head)
    else
      await (leadsElsewhere ? createUplinks() : uplinks).acceptLane(request.headers, lane.socket, lane.head)
    reply.hijack()
  })
  closers.defer(() => app.close())
  return app.listen({ host: '127.0.0.1', port: 0 })
}

it('go by the one of a host whose lanes lead here, however old it is', async () => {
  const uplinks = createUplinks()
  const versions: string[] = []
  const app = createServer({ logger: false })
  app.addHook('onRequest', async ({ raw }) => void versions.push(raw.httpVersion))
  createServe(app, async () => null)(
    agent.ports.connect,
    async (_input, _context, open) => void (await open()),
  )
  const server = createUplinkServer(app)
  closers.defer(() => app.close())
  closers.defer(() => server.close())
  const { signal } = new AbortController()
  for (const leadsElsewhere of [false, true])
    await server.dial({ url: await openDoor(uplinks, leadsElsewhere), headers: {}, signal })
  closers.defer(() => uplinks.close())
  const params = { uuid: '00000000-0000-4000-8000-000000000000', port: 80 }
  for (let n = 0; n < 2; n++) (await uplinks.to('host').ports.connect({ params })).destroy()
  expect(versions).toEqual(['2.0', '1.1'])
})
