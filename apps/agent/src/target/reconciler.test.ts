import type { TargetContainer } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { startMemoryAgent } from '../../test/memory-agent.ts'
import { type CallHooks, createMemoryEngine, type EngineCall } from '../../test/memory-engine.ts'
import { type Program, refusal } from '../../test/memory-engine/world.ts'
import { toWish } from '../../test/test-agent.ts'
import { createVirtualClock } from '../../test/virtual-clock.ts'

const image = 'some/image:1'

/** A host in memory whose containers do what their environment's PROGRAM says. */
function createHost(programs: Record<string, Program> = {}, hooks: CallHooks = {}) {
  const clock = createVirtualClock()
  const memory = createMemoryEngine({
    clock,
    programOf: ({ config }) => programs[findVariable(config.Env, 'PROGRAM')] ?? {},
  })
  memory.addImage(image, { Cmd: ['serve'], Volumes: { '/data': {} } })
  const start = (own: CallHooks = hooks) => startMemoryAgent({ memory, clock, ...own })
  return { clock, memory, start, agent: start() }
}
const findVariable = (env: readonly string[], key: string): string =>
  env.find((entry) => entry.startsWith(`${key}=`))?.slice(key.length + 1) ?? ''
const nameOf = ({ uuid, generation }: TargetContainer): string => `gpulab-${uuid}-g${generation}`
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

describe('a container that is made anew with its files', () => {
  const first = toWish(image, { gpu_uuids: ['GPU-1'] })
  const second = { ...first, generation: 2, base_generation: 1, attempt: 2, gpu_uuids: ['GPU-2'] }

  const deploy = async (hooks?: CallHooks) => {
    const host = createHost({}, hooks)
    host.agent.want(first)
    await host.agent.settled(first.uuid)
    host.memory.write(nameOf(first), '/etc/own', 'in its own files')
    host.memory.write(nameOf(first), '/data/own', 'in its volume')
    host.agent.want({ ...first, desired: 'stopped' })
    await host.agent.settled(first.uuid)
    return host
  }
  const filesOf = ({ memory }: ReturnType<typeof createHost>, wish: TargetContainer) =>
    ['/etc/own', '/data/own'].map((path) => memory.read(nameOf(wish), path))
  const files = ['in its own files', 'in its volume']
  const leftOf = ({ memory }: ReturnType<typeof createHost>) => ({
    containers: [...memory.world.containers.values()].map(({ name }) => name),
    volumes: memory.world.volumes.size,
    images: [...memory.world.images.values()].flatMap(({ tags }) => tags),
  })
  const nothing = { containers: [], volumes: 0, images: [image] }

  it('has them, other GPUs, and no container beside it', async () => {
    const host = await deploy()
    host.agent.want(second)
    expect(await host.agent.settled(first.uuid)).toMatchObject({
      generation: 2,
      state: 'running',
      gpu_uuids: ['GPU-2'],
    })
    expect(filesOf(host, second)).toEqual(files)
    expect(leftOf(host)).toMatchObject({ containers: [nameOf(second)], volumes: 1 })
    const [container] = host.memory.world.containers.values()
    expect(container?.hostConfig['DeviceRequests']).toMatchObject([{ DeviceIDs: ['GPU-2'] }])

    host.agent.want({ ...second, desired: 'absent' })
    expect(await host.agent.settled(first.uuid)).toBeUndefined()
    expect(leftOf(host)).toEqual(nothing)
  })

  it('has them after many times, and needs no more room than once', async () => {
    const host = await deploy()
    for (let generation = 2; generation < 6; generation++) {
      const wish = { ...second, generation, base_generation: generation - 1, attempt: generation }
      host.agent.want(wish)
      await host.agent.settled(first.uuid)
      expect(filesOf(host, wish)).toEqual(files)
      expect(leftOf(host)).toMatchObject({ volumes: 1 })
      expect(leftOf(host).images).toHaveLength(2)
    }
    host.agent.want({ ...second, generation: 6, base_generation: null, attempt: 6 })
    expect(await host.agent.settled(first.uuid)).toMatchObject({ generation: 6, state: 'running' })
    expect(filesOf(host, { ...second, generation: 6 })).toEqual([undefined, undefined])
    expect(leftOf(host)).toMatchObject({ volumes: 1, images: [image] })
  })

  it.each([
    ['before', 30],
    ['after', 30],
  ] as const)('has them wherever the agent is killed: %s each request', async (when, most) => {
    let reached = 0
    for (let last = 1; last <= most; last++) {
      const host = await deploy()
      host.agent.kill()
      let calls = 0
      const victim = host.start({
        [when]: () => (++calls === last ? new Promise<never>(() => {}) : undefined),
      })
      victim.want(second)
      await host.clock.advance(20_000)
      if (calls >= last) reached++
      victim.kill()
      const next = host.start({})
      next.want(second)
      expect(await next.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
      expect(filesOf(host, second)).toEqual(files)
      expect(leftOf(host)).toMatchObject({ containers: [nameOf(second)], volumes: 1 })
      next.want({ ...second, desired: 'absent' })
      expect(await next.settled(first.uuid)).toBeUndefined()
      expect(leftOf(host)).toEqual(nothing)
    }
    // The steps make so many requests at least.
    expect(reached).toBeGreaterThan(15)
  })

  it('goes with all that was saved of it, also when only its old shape is known to be here', async () => {
    const host = await deploy()
    host.agent.kill()
    const victim = host.start({
      after: ({ name }) => (name === 'container.commit' ? new Promise<never>(() => {}) : undefined),
    })
    victim.want(second)
    await host.clock.advance(20_000)
    victim.kill()
    expect(leftOf(host).images).toHaveLength(2)
    const next = host.start({})
    next.want({ ...first, desired: 'absent' })
    expect(await next.settled(first.uuid)).toBeUndefined()
    expect(leftOf(host)).toEqual(nothing)
  })

  it('has them wherever an answer of the engine is lost, or the engine goes away', async () => {
    for (let last = 1; last <= 30; last++) {
      let calls = -Infinity
      const host = await deploy({
        after: () => {
          if (++calls !== last) return
          if (last % 2 === 0) throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
          host.memory.crash('containers live')
          void host.clock.wait(7000).then(host.memory.recover)
        },
      })
      calls = 0
      host.agent.want(second)
      expect(await host.agent.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
      expect(filesOf(host, second)).toEqual(files)
      expect(leftOf(host)).toMatchObject({ containers: [nameOf(second)], volumes: 1 })
      host.agent.want({ ...second, desired: 'absent' })
      expect(await host.agent.settled(first.uuid)).toBeUndefined()
      expect(leftOf(host)).toEqual(nothing)
    }
  })

  it('that finds no room for them loses nothing', async () => {
    let isFull = true
    const host = await deploy({
      before: ({ name }) => {
        if (name === 'container.commit' && isFull)
          throw refusal(500, 'write /var/lib/docker/x: no space left on device')
      },
    })
    host.agent.want(second)
    expect(await host.agent.settled(first.uuid)).toMatchObject({
      generation: 2,
      state: 'absent',
      failure: { code: 'commit_failed', message: expect.stringContaining('no room') },
    })
    expect(filesOf(host, first)).toEqual(files)
    isFull = false
    host.agent.want({ ...second, attempt: 3 })
    expect(await host.agent.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
    expect(filesOf(host, second)).toEqual(files)
  })

  it('and can not be started keeps them for the next attempt', async () => {
    let isBroken = true
    const host = await deploy({
      before: ({ name, target }) => {
        if (name === 'container.start' && target === nameOf(second) && isBroken)
          throw refusal(500, 'nvidia-container-cli: device error: GPU-2: unknown device')
      },
    })
    host.agent.want(second)
    expect(await host.agent.settled(first.uuid)).toMatchObject({ failure: { code: 'gpu_unavailable' } })
    isBroken = false
    // Other GPUs again, from a control plane that has heard of the failure only.
    const third = { ...second, generation: 3, base_generation: 1, attempt: 3, gpu_uuids: ['GPU-3'] }
    host.agent.want(third)
    expect(await host.agent.settled(first.uuid)).toMatchObject({ generation: 3, state: 'running' })
    expect(filesOf(host, third)).toEqual(files)
    host.agent.want({ ...third, desired: 'absent' })
    await host.agent.settled(first.uuid)
    expect(leftOf(host)).toEqual(nothing)
  })

  it('that somebody has removed is not made anew but told to be lost', async () => {
    const { agent, memory } = createHost()
    const wish = toWish(image)
    agent.want(wish)
    expect(await agent.settled(wish.uuid)).toMatchObject({ state: 'running' })
    await memory.engine.getContainer(nameOf(wish)).remove({ force: true })
    agent.want(wish)
    expect(await agent.settled(wish.uuid)).toMatchObject({
      state: 'absent',
      failure: { code: 'container_lost' },
    })
    expect(memory.world.containers.size).toBe(0)
  })

  it('that is known to have run is lost also for an agent that has not seen it', async () => {
    const host = await deploy()
    host.agent.kill()
    await host.memory.engine.getContainer(nameOf(first)).remove({ force: true })
    const next = host.start({})
    next.want({ ...first, has_run: true })
    expect(await next.settled(first.uuid)).toMatchObject({
      state: 'absent',
      failure: { code: 'container_lost' },
    })
    expect(leftOf(host).containers).toEqual([])
    // Its user gives it up: the next generation is another container.
    next.want({ ...first, generation: 2, attempt: 2 })
    expect(await next.settled(first.uuid)).toMatchObject({ generation: 2, state: 'running' })
  })

  it('that has run since its files were saved is not taken back to them in silence', async () => {
    const host = await deploy()
    host.agent.want(second)
    await host.agent.settled(first.uuid)
    host.agent.kill()
    await host.memory.engine.getContainer(nameOf(second)).remove({ force: true })
    const next = host.start({})
    next.want({ ...second, has_run: true })
    expect(await next.settled(first.uuid)).toMatchObject({
      generation: 2,
      state: 'absent',
      failure: { code: 'container_lost' },
    })
  })

  it('of which nothing is left says so', async () => {
    const host = createHost()
    host.agent.want(second)
    expect(await host.agent.settled(first.uuid)).toMatchObject({ failure: { code: 'container_lost' } })
    expect(leftOf(host).containers).toEqual([])
  })

  it('is left alone in its old shape when it is only to be stopped', async () => {
    const host = await deploy()
    host.agent.want({ ...second, desired: 'stopped' })
    expect(await host.agent.settled(first.uuid)).toMatchObject({
      generation: 2,
      state: 'absent',
      failure: null,
    })
    expect(filesOf(host, first)).toEqual(files)
  })

  it('lends its files to nobody', async () => {
    const host = await deploy()
    host.agent.want(second)
    await host.agent.settled(first.uuid)
    const saved = [...host.memory.world.images.values()].find(({ tags }) =>
      tags[0]?.startsWith('gpulab.local'),
    )
    const names = [saved?.tags[0] ?? '', saved?.id ?? '', saved?.id.slice('sha256:'.length, 15) ?? '']
    for (const name of names) {
      const thief = toWish(name)
      host.agent.want(second, thief)
      expect(await host.agent.settled(thief.uuid)).toMatchObject({ failure: { code: 'image_not_found' } })
    }
  })
})
