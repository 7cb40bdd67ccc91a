import type { TargetContainer } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import type { CallHooks } from '../../test/memory-engine.ts'
import { refusal } from '../../test/memory-engine/world.ts'
import { createHost, image, nameOf } from '../../test/memory-host.ts'
import { toWish } from '../../test/test-agent.ts'

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
