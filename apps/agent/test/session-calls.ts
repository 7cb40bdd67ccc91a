import type { agent, CallInput, TargetContainer } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { attachSession, type AttachedSession } from './attach-session.ts'
import type { TestHost } from './test-host.ts'

type Body = Partial<CallInput<typeof agent.sessions.create>['body']>

/** What tests of sessions ask of a host; which one is known when they do. */
export function sessionCalls(host: () => TestHost) {
  const create = async (container: TargetContainer, body: Body) => {
    const client = await host().control.host()
    return client.sessions.create({ params: { uuid: container.uuid }, body: { id: randomUUID(), ...body } })
  }
  const attach = async (
    { container_uuid: uuid, id }: { container_uuid: string; id: string },
    options?: Parameters<typeof attachSession>[2],
  ) => attachSession(await host().control.host(), { uuid, id }, options)
  const run = async (container: TargetContainer, body: Body): Promise<AttachedSession> => {
    const session = await attach(await create(container, body))
    await session.exit
    return session
  }
  const get = async ({ container_uuid: uuid, id }: { container_uuid: string; id: string }, wait = 0) =>
    (await host().control.host()).sessions.get({ params: { uuid, id }, query: { wait } })
  return { create, attach, run, get }
}
