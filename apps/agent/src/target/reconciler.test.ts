import type { TargetContainer } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { startMemoryAgent } from '../../test/memory-agent.ts'
import { createMemoryEngine, type EngineCall } from '../../test/memory-engine.ts'
import { refusal } from '../../test/memory-engine/world.ts'
import { createHost, image, nameOf } from '../../test/memory-host.ts'
import { toWish } from '../../test/test-agent.ts'
import { createVirtualClock } from '../../test/virtual-clock.ts'

const countStarts = () => {
  const starts: EngineCall[] = []
  const before = (call: EngineCall): void => {
    if (call.name === 'container.start') starts.push(call)
  }
  return { starts, before }
}
const onFailure = (max_retries: number | null): Pick<TargetContainer, 'restart'> => ({
  restart: { policy: 'on-failure', max_retries },
})
const always = { restart: { policy: 'unless-stopped' as const, max_retries: null } }

describe('a container whose run ends by itself', () => {
  it('is started again as often as its policy says, after longer and longer waits', async () => {
    const { starts, before } = countStarts()
    const { agent, clock } = createHost({ fails: { exit: { code: 3, afterMs: 50 } } }, { before })
    const wish = toWish(image, { ...onFailure(2), env: { PROGRAM: 'fails' } })
    const began = clock.now()
    agent.want(wish)
    const facts = await agent.ended(wish.uuid)
    expect(facts).toMatchObject({ state: 'exited', exit_code: 3, restarts: 2, failure: null })
    expect(starts).toHaveLength(3)
    // Three runs and waits of 100 and 200 ms; looks add little.
    expect(clock.now() - began).toBeGreaterThanOrEqual(450)
    expect(clock.now() - began).toBeLessThan(1000)
    await clock.advance(600_000)
    expect(starts).toHaveLength(3)
  })

  it('is busy all the while, so that its GPUs are not taken for free', async () => {
    const { agent, clock } = createHost({ fails: { exit: { code: 3, afterMs: 50 } } })
    const wish = toWish(image, { ...onFailure(3), env: { PROGRAM: 'fails' } })
    agent.want(wish)
    await agent.ended(wish.uuid)
    await clock.advance(60_000)
    const rests = agent.snapshots
      .flatMap(({ containers }) => containers)
      .filter(({ state, busy }) => state === 'exited' && !busy)
    expect(rests.length).toBeGreaterThan(0)
    expect(new Set(rests.map(({ restarts }) => restarts))).toEqual(new Set([3]))
  })

  it('stays ended after a success, or when its command can not be started at all', async () => {
    const fatal = '[FATAL tini (7)] exec nothing failed: No such file or directory'
    const { agent } = createHost({
      succeeds: { exit: { code: 0, afterMs: 50 } },
      missing: { exit: { code: 127 }, log: [fatal] },
    })
    const done = toWish(image, { ...onFailure(null), env: { PROGRAM: 'succeeds' } })
    const missing = toWish(image, { ...always, env: { PROGRAM: 'missing' } })
    agent.want(done, missing)
    expect(await agent.ended(done.uuid)).toMatchObject({ state: 'exited', exit_code: 0, restarts: 0 })
    expect(await agent.ended(missing.uuid)).toMatchObject({
      state: 'exited',
      restarts: 0,
      failure: { code: 'command_not_startable' },
    })
  })

  it('goes on counting where an earlier agent was heard of last', async () => {
    const { start, memory, agent } = createHost({ fails: { exit: { code: 3, afterMs: 50 } } })
    agent.kill()
    const wish = toWish(image, { ...onFailure(3), restarts: 2, env: { PROGRAM: 'fails' } })
    const next = start()
    next.want(wish)
    expect(await next.ended(wish.uuid)).toMatchObject({ state: 'exited', restarts: 3 })
    expect(memory.world.containers.size).toBe(1)
  })

  it('counts anew after a good run', async () => {
    const { agent, clock, memory } = createHost()
    const wish = toWish(image, onFailure(1))
    agent.want(wish)
    await agent.settled(wish.uuid)
    for (let times = 0; times < 3; times++) {
      await clock.advance(10_000)
      memory.exit(nameOf(wish), 1)
      await clock.advance(1000)
      expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'running', restarts: 1 })
    }
    memory.exit(nameOf(wish), 1)
    expect(await agent.ended(wish.uuid)).toMatchObject({ state: 'exited', restarts: 1 })
  })

  it('stays at rest when its user stops it while it waits', async () => {
    const { starts, before } = countStarts()
    const { agent, clock } = createHost({ fails: { exit: { code: 3 } } }, { before })
    const wish = toWish(image, { ...always, env: { PROGRAM: 'fails' } })
    agent.want(wish)
    await clock.advance(20_000)
    expect(agent.facts(wish.uuid)).toMatchObject({ state: 'exited', busy: true })
    agent.want({ ...wish, desired: 'stopped' })
    const facts = await agent.settled(wish.uuid, 1000)
    expect(facts?.state).toBe('exited')
    const before_ = starts.length
    await clock.advance(600_000)
    expect(starts).toHaveLength(before_)
  })

  it('is started again when it died with the engine', async () => {
    const { agent, clock, memory } = createHost()
    const wish = toWish(image, always)
    agent.want(wish)
    const first = await agent.settled(wish.uuid)
    memory.crash('containers die')
    await clock.advance(30_000)
    expect(agent.snapshots.at(-1)).toMatchObject({ target_version: -1, engine: { available: false } })
    memory.recover()
    const facts = await agent.settled(wish.uuid)
    expect(facts).toMatchObject({ state: 'running', restarts: 1 })
    expect(facts?.started_at).not.toBe(first?.started_at)
  })

  it('counts a start once, however often it has to be tried', async () => {
    let refusals = 3
    const { agent, clock, memory } = createHost(
      {},
      {
        before: ({ name }) => {
          if (name === 'container.start' && memory.world.containers.size > 0 && wasRunning && refusals-- > 0)
            throw refusal(500, 'ttrpc: closed')
        },
      },
    )
    let wasRunning = false
    const wish = toWish(image, onFailure(5))
    agent.want(wish)
    await agent.settled(wish.uuid)
    wasRunning = true
    memory.exit(nameOf(wish), 1)
    await clock.advance(60_000)
    expect(refusals).toBeLessThan(0)
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'running', restarts: 1 })
  })

  it('is not started on a GPU that somebody else has by then', async () => {
    const { agent, memory, clock } = createHost({ fails: { exit: { code: 3, afterMs: 50 } } })
    const wish = toWish(image, { ...always, env: { PROGRAM: 'fails' }, gpu_uuids: ['GPU-1'] })
    agent.want(wish)
    await clock.advance(5000)
    const thief = toWish(image, { gpu_uuids: ['GPU-1'] })
    agent.want({ ...wish, desired: 'stopped' }, thief)
    expect(await agent.settled(thief.uuid)).toMatchObject({ state: 'running' })
    agent.want({ ...wish, attempt: 2 }, thief)
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'exited', failure: { code: 'gpu_busy' } })
    expect([...memory.world.containers.values()].filter(({ status }) => status === 'running')).toHaveLength(1)
  })
})

describe('a container that the engine can not stop', () => {
  it('is busy until it has stopped, however long that takes', async () => {
    let isStuck = true
    const { agent, clock } = createHost(
      {},
      {
        before: ({ name }) => {
          if (name === 'container.stop' && isStuck)
            throw refusal(
              500,
              'cannot stop container: tried to kill container, but did not receive an exit event',
            )
        },
      },
    )
    const wish = toWish(image)
    agent.want(wish)
    await agent.settled(wish.uuid)
    agent.want({ ...wish, desired: 'stopped' })
    await clock.advance(3600_000)
    expect(agent.facts(wish.uuid)).toMatchObject({ state: 'running', busy: true, failure: null })
    isStuck = false
    expect(await agent.settled(wish.uuid, 20_000)).toMatchObject({ state: 'exited', busy: false })
  })

  it('is killed after ten seconds when it does not listen', async () => {
    const { agent, clock } = createHost({ stubborn: { stopCode: null } })
    const wish = toWish(image, { env: { PROGRAM: 'stubborn' } })
    agent.want(wish)
    await agent.settled(wish.uuid)
    const began = clock.now()
    agent.want({ ...wish, desired: 'stopped' })
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'exited', exit_code: 137 })
    expect(clock.now() - began).toBeGreaterThanOrEqual(10_000)
    expect(clock.now() - began).toBeLessThan(11_000)
  })
})

describe('a clock that is set', () => {
  it('ends no attempt', async () => {
    const clock = createVirtualClock()
    const memory = createMemoryEngine({ clock })
    memory.addImage(image, { Cmd: ['serve'] })
    let isSet = false
    const before = async ({ name }: EngineCall) => {
      if (name === 'container.create') await clock.wait(1000)
      if (name !== 'network.create' || isSet) return
      isSet = true
      clock.set(3600_000)
      throw refusal(500, 'try again')
    }
    const agent = startMemoryAgent({ memory, clock, before })
    const wish = toWish(image)
    agent.want(wish)
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'running', failure: null })
    expect(isSet).toBe(true)
  })
})
