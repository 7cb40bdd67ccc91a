import { describe, expect, it } from 'vitest'
import { createMemoryEngine } from '../../test/memory-engine.ts'
import { createVirtualClock } from '../../test/virtual-clock.ts'
import { noGuards } from './image-access.ts'
import { createImagePuller } from './image-puller.ts'

const wanted = 'registry.example.com/image:1'

function createPuller(answer: () => void | Promise<void> = () => {}, call = 'image.pull') {
  const clock = createVirtualClock()
  const before = ({ name }: { name: string }): void | Promise<void> => (name === call ? answer() : undefined)
  const memory = createMemoryEngine({ clock, before })
  const config = { Env: [], Cmd: ['run'], Entrypoint: null, Labels: {}, Volumes: {} }
  memory.world.registry.set(wanted, config)
  let pulls = 0
  const puller = createImagePuller({
    engine: memory.engine,
    clock,
    access: noGuards,
    onPulled: () => pulls++,
  })
  const ensure = (name: string) =>
    puller.ensure({ image: name, registry_login: null }, () => {}, AbortSignal.timeout(600_000))
  return { clock, ensure, pulls: () => pulls }
}

describe('an image', () => {
  it('is told of once it was pulled, and not when it was there already', async () => {
    const { ensure, pulls } = createPuller()
    const [one, two] = await Promise.all([ensure(wanted), ensure(wanted)])
    expect(one).toEqual(two)
    expect(pulls()).toBe(1)
    await ensure(wanted)
    expect(pulls()).toBe(1)
  })

  it('that does not exist is told of to nobody', async () => {
    const { ensure, pulls } = createPuller()
    await expect(ensure('registry.example.com/none:1')).rejects.toMatchObject({ code: 'image_not_found' })
    expect(pulls()).toBe(0)
  })

  it('whose name the engine refuses is not there, and is not tried again', async () => {
    const refuse = () => {
      throw Object.assign(new Error('(HTTP code 400) unexpected - invalid reference format'), {
        statusCode: 400,
      })
    }
    const { ensure, pulls } = createPuller(refuse, 'image.inspect')
    await expect(ensure('UPPER:x')).rejects.toMatchObject({
      code: 'image_not_found',
      message: 'There is no image UPPER:x: invalid reference format.',
    })
    expect(pulls()).toBe(0)
  })

  it('of which nothing comes for five minutes is given up', async () => {
    const { clock, ensure } = createPuller(() => new Promise<never>(() => {}))
    const began = clock.now()
    await expect(clock.settle(ensure(wanted))).rejects.toMatchObject({ code: 'image_pull_failed' })
    expect(clock.now() - began).toBe(300_000)
  })
})
