import { describe, expect, it } from 'vitest'
import { startMemoryAgent } from '../../test/memory-agent.ts'
import { type CallHooks, createMemoryEngine } from '../../test/memory-engine.ts'
import { refusal } from '../../test/memory-engine/world.ts'
import { toWish } from '../../test/test-agent.ts'
import { createVirtualClock } from '../../test/virtual-clock.ts'

const image = 'some/image:1'
const minute = 60_000

async function createHost(hooks: CallHooks = {}) {
  const clock = createVirtualClock()
  const memory = createMemoryEngine({ clock })
  memory.addImage(image, { Cmd: ['serve'], Volumes: { '/data': {} } })
  const start = ({ removes = true, hostUuid = 'host' } = {}) =>
    startMemoryAgent({ memory, clock, hostUuid, sweep: { graceMs: 10 * minute, removes }, ...hooks })
  const agent = start()
  const wish = toWish(image)
  const next = { ...wish, generation: 2, base_generation: 1 }
  agent.want(wish)
  await agent.settled(wish.uuid)
  agent.want(next)
  await agent.settled(wish.uuid)
  const left = () => {
    const { containers, images, networks, volumes } = memory.world
    return [containers.size, images.size - 1, networks.size, volumes.size]
  }
  return { clock, memory, start, agent, wish: next, left }
}
// One container made anew: its image, which it needs for as long, its network and its volume.
const all = [1, 1, 1, 1]
const nothing = [0, 0, 0, 0]

describe('the sweep', () => {
  it('removes all of what the target has not had for the grace time', async () => {
    const { agent, clock, left, wish } = await createHost()
    await clock.advance(15 * minute)
    expect(left()).toEqual(all)
    agent.want()
    await clock.advance(8 * minute)
    expect(left()).toEqual(all)
    expect(
      (await clock.settle(agent.orphans.look())).orphans.map(({ kind, owner }) => [kind, owner]),
    ).toEqual([
      ['container', wish.uuid],
      ['image', wish.uuid],
      ['network', wish.team_uuid],
    ])
    await clock.advance(4 * minute)
    expect(left()).toEqual(nothing)
  })

  it('begins anew with what was wanted again meanwhile', async () => {
    const { agent, clock, left, wish } = await createHost()
    agent.want()
    await clock.advance(8 * minute)
    agent.want(wish)
    await clock.advance(2 * minute)
    agent.want()
    await clock.advance(8 * minute)
    expect(left()).toEqual(all)
  })

  it('does nothing before the control plane has said what it wants, and begins with the agent anew', async () => {
    const { agent, clock, left, start } = await createHost()
    agent.kill()
    const next = start()
    await clock.advance(15 * minute)
    expect(left()).toEqual(all)
    expect(await clock.settle(next.orphans.look())).toMatchObject({
      orphans: [],
      blocked: expect.stringContaining('not said yet'),
    })
    next.want()
    await clock.advance(9 * minute)
    expect(left()).toEqual(all)
    await clock.advance(3 * minute)
    expect(left()).toEqual(nothing)
  })

  it('begins anew with a control plane that counts anew', async () => {
    const { agent, clock, left } = await createHost()
    agent.want()
    await clock.advance(8 * minute)
    agent.reconciler.forgetTarget()
    agent.orphans.forget()
    agent.want()
    await clock.advance(8 * minute)
    expect(left()).toEqual(all)
  })

  it.each(['container.list', 'container.inspect', 'image.list', 'network.list'])(
    'touches nothing by a list that is not complete: %s',
    async (failing) => {
      let fails = false
      const { agent, clock, left } = await createHost({
        before: ({ name }) => {
          if (fails && name === failing) throw refusal(500, 'something is wrong')
        },
      })
      agent.want()
      await clock.advance(minute)
      fails = true
      await clock.advance(15 * minute)
      expect(left()).toEqual(all)
      expect(await clock.settle(agent.orphans.look())).toMatchObject({
        orphans: [],
        blocked: expect.any(String),
      })
      fails = false
      await clock.advance(3 * minute)
      expect(left()).toEqual(nothing)
    },
  )

  it('touches nothing while the engine is away', async () => {
    const { agent, clock, memory, left } = await createHost()
    agent.want()
    await clock.advance(minute)
    memory.crash('containers live')
    await clock.advance(15 * minute)
    expect(left()).toEqual(all)
  })

  it('only tells of what was made as another host, by whichever agent', async () => {
    const { agent, clock, left, start, wish } = await createHost()
    agent.kill()
    const next = start({ hostUuid: 'another' })
    next.want()
    await clock.advance(60 * minute)
    // The network holds nothing; as long as something is connected to it, it stays as well.
    expect(left()).toEqual(all)
    expect((await clock.settle(next.orphans.look())).orphans).toMatchObject([
      { kind: 'container', owner: wish.uuid, isRemovable: false },
      { kind: 'image', owner: wish.uuid, isRemovable: false },
      { kind: 'network' },
    ])
  })

  it('only tells of what does not say as which host it was made', async () => {
    const { agent, clock, left, memory } = await createHost()
    for (const [id, container] of memory.world.containers) {
      const { 'ai.gpulab.host': _, ...Labels } = container.config.Labels
      memory.world.containers.set(id, { ...container, config: { ...container.config, Labels } })
    }
    agent.want()
    await clock.advance(60 * minute)
    expect(left()).toEqual(all)
  })

  it('removes nothing early when the clock is set', async () => {
    const { agent, clock, left } = await createHost()
    await clock.advance(15 * minute)
    agent.want()
    await clock.advance(2 * minute)
    clock.set(24 * 60 * minute)
    await clock.advance(6 * minute)
    expect(left()).toEqual(all)
    clock.set(-48 * 60 * minute)
    await clock.advance(4 * minute)
    expect(left()).toEqual(nothing)
  })

  it('only tells where it is told to', async () => {
    const { agent, clock, left, start } = await createHost()
    agent.kill()
    const next = start({ removes: false })
    next.want()
    await clock.advance(15 * minute)
    expect(left()).toEqual(all)
    expect((await clock.settle(next.orphans.look())).orphans).toHaveLength(3)
  })

  it('keeps nothing from being wanted again while it removes', async () => {
    let wanted = (): void => {}
    const { agent, clock, memory, wish } = await createHost({
      after: ({ name }) => {
        if (name === 'container.remove') wanted()
      },
    })
    agent.want()
    const again = { ...wish, generation: 3, base_generation: null }
    wanted = () => {
      wanted = () => {}
      agent.want(again)
    }
    await clock.advance(13 * minute)
    expect(await agent.settled(wish.uuid)).toMatchObject({ generation: 3, state: 'running' })
    expect(memory.world.containers.size).toBe(1)
  })
})
