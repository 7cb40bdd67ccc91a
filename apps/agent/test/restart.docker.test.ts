import type { TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host[Symbol.asyncDispose]())

const remove = async (wanted: TargetContainer) => {
  host.control.want({ ...wanted, desired: 'absent' })
  expect(await host.control.settled(wanted.uuid)).toBeUndefined()
}
const pidOf = async ({ uuid }: TargetContainer): Promise<number> => (await host.list(uuid))[0]?.pid ?? 0
/** Until it runs, with a run after this one. */
const runAfter = (wanted: TargetContainer, startedAt: string | null | undefined) =>
  eventually(
    async () => {
      const facts = await host.control.settled(wanted.uuid)
      if (facts?.state !== 'running' || facts.started_at === startedAt) {
        throw new Error(`No new run: ${JSON.stringify(facts)}`)
      }
      return facts
    },
    { timeoutMs: 60_000 },
  )
const always = { restart: { policy: 'unless-stopped' as const, max_retries: null } }

describe('on-failure', () => {
  it('starts it again as often as it may, and then lets it be', async () => {
    const { wanted, facts } = await host.runToEnd({
      command: ['sh', '-c', 'echo run; exit 3'],
      restart: { policy: 'on-failure', max_retries: 2 },
      gpu_uuids: [host.gpus[0] ?? ''],
    })
    expect(facts).toMatchObject({ state: 'exited', exit_code: 3, restarts: 2, failure: null })
    const rests = host.control.reports
      .flatMap(({ containers }) => containers)
      .filter(({ uuid, state, busy }) => uuid === wanted.uuid && state === 'exited' && !busy)
    expect(new Set(rests.map(({ restarts }) => restarts))).toEqual(new Set([2]))
    await remove(wanted)
  })

  it('lets it be after a success', async () => {
    const { wanted, facts } = await host.runToEnd({
      command: ['true'],
      restart: { policy: 'on-failure', max_retries: null },
    })
    expect(facts).toMatchObject({ exit_code: 0, restarts: 0 })
    await remove(wanted)
  })

  it('goes on counting in a new agent', async () => {
    const wanted = host.wish({
      command: ['sh', '-c', 'exit 4'],
      restart: { policy: 'on-failure', max_retries: 5 },
    })
    host.control.want(wanted)
    const counted = await eventually(
      () => {
        const facts = host.control.reports.at(-1)?.containers.find(({ uuid }) => uuid === wanted.uuid)
        if ((facts?.restarts ?? 0) < 3) throw new Error('It was not started again three times.')
        return facts?.restarts ?? 0
      },
      { timeoutMs: 20_000 },
    )
    await host.agent.kill('SIGKILL')
    host.control.want({ ...wanted, restarts: counted })
    await host.agent.start()
    const { restarts } = await eventually(
      async () => {
        const facts = await host.control.settled(wanted.uuid)
        if (facts?.state !== 'exited') throw new Error('It has not ended.')
        return facts
      },
      { timeoutMs: 60_000 },
    )
    expect(restarts).toBe(5)
    await remove(wanted)
  })
})

describe('unless-stopped', () => {
  it('brings it back after a kill of its process, until its user stops it', async () => {
    const wanted = await host.deploy(always)
    const first = await host.control.settled(wanted.uuid)
    process.kill(await pidOf(wanted), 'SIGKILL')
    const second = await runAfter(wanted, first?.started_at)
    expect(second.restarts).toBe(1)

    host.control.want({ ...wanted, desired: 'stopped' })
    expect(await host.control.settled(wanted.uuid)).toMatchObject({ state: 'exited' })
    // The very wish that a later start is, with what stopped as the run to follow.
    host.control.want({ ...wanted, attempt: 2, start_after: second.started_at })
    expect((await runAfter(wanted, second.started_at)).restarts).toBe(0)
    await remove(wanted)
  })

  it('brings it back when it died while the engine was away', async () => {
    const wanted = await host.deploy(always)
    const first = await host.control.settled(wanted.uuid)
    const pid = await pidOf(wanted)
    await host.engine.kill()
    process.kill(pid, 'SIGKILL')
    await host.engine.start()
    expect((await runAfter(wanted, first?.started_at)).restarts).toBe(1)
    await remove(wanted)
  })
})
