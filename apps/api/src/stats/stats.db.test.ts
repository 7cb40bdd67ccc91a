import type { ContainerStats } from '@gpulab/contract'
import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHost, sampleStats } from '../../test/fake-host.ts'
import { startTestApi, type TestApi } from '../../test/start-test-api.ts'
import { hostSilenceMs } from '../containers/view.ts'

let api: TestApi
let host: FakeHost
let params: { uuid: string }
const card = 'NVIDIA GeForce RTX 4090'

beforeAll(async () => {
  api = await startTestApi()
  host = await api.startHost('one', [card])
  const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'c', gpu_type: card } })
  params = { uuid }
  await host.converge()
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  host.onStats = async function* () {
    yield sampleStats(params.uuid)
  }
})

const read = async (): Promise<ContainerStats[]> => Array.fromAsync(await api.client.stats.read({ params }))
const failureOf = (reading: Promise<unknown>) =>
  reading.then(() => undefined).catch((error: unknown) => error)

describe('stats', () => {
  it('come from the host', async () => {
    expect(await read()).toEqual([sampleStats(params.uuid)])
  })

  it('are followed as they come, and end with those of the host', async () => {
    const { promise: isRead, resolve: go } = Promise.withResolvers<void>()
    const asked: unknown[] = []
    host.onStats = async function* (uuid, follow) {
      asked.push(uuid, follow)
      yield sampleStats(params.uuid, { pids: 1 })
      await isRead
      yield sampleStats(params.uuid, { pids: 2 })
    }
    const pids: number[] = []
    for await (const sample of await api.client.stats.read({ params, query: { follow: 'true' } })) {
      pids.push(sample.pids)
      go()
    }
    expect({ asked, pids }).toEqual({ asked: [params.uuid, true], pids: [1, 2] })
  })

  it('tell the name of a card that the driver has lost, and that it is simulated', async () => {
    const lost = { memory_used_bytes: null, problem: 'GPU is lost.', name: null, simulated: false }
    const [gpu] = sampleStats(params.uuid).gpus
    host.onStats = async function* () {
      yield sampleStats(params.uuid, {
        gpus: [
          { ...gpu!, ...lost, uuid: 'GPU-one-0' },
          { ...gpu!, ...lost, uuid: 'GPU-x' },
        ],
      })
    }
    expect((await read())[0]?.gpus).toMatchObject([
      { uuid: 'GPU-one-0', name: card, simulated: true, problem: 'GPU is lost.' },
      { uuid: 'GPU-x', name: null, simulated: false },
    ])
  })

  it('stop being measured when their reader goes', async () => {
    const { promise: isOver, resolve: end } = Promise.withResolvers<void>()
    host.onStats = async function* (_uuid, _follow, signal) {
      yield sampleStats(params.uuid)
      if (!signal.aborted) await once(signal, 'abort')
      end()
    }
    for await (const _sample of await api.client.stats.read({ params, query: { follow: 'true' } })) break
    await isOver
  })
})

describe('stats are refused', () => {
  it('of what is not yours as of what is not there', async () => {
    const missing = { uuid: '00000000-0000-4000-8000-000000000000' }
    const theirs = await failureOf(api.stranger.stats.read({ params }))
    const none = await failureOf(api.stranger.stats.read({ params: missing }))
    expect(theirs).toMatchObject({ code: 'container_not_found', status: 404 })
    expect((theirs as Error).message.replace(params.uuid, missing.uuid)).toBe((none as Error).message)
  })

  it('without a key', async () => {
    await expect(api.clientWith('').stats.read({ params })).rejects.toMatchObject({ exitCode: 4 })
  })

  it('with a word for follow that is none', async () => {
    await expect(api.client.stats.read({ params, query: { follow: 'yes' as 'true' } })).rejects.toMatchObject(
      { code: 'invalid_request' },
    )
  })

  it('while the container does not run, with what to do', async () => {
    const { uuid } = await api.client.containers.create({ body: { image: 'x', name: 'idle' } })
    await expect(api.client.stats.read({ params: { uuid } })).rejects.toMatchObject({
      code: 'container_not_running',
      message: expect.stringContaining('idle is deploying') as string,
    })
  })

  it('while the host is away, and break off when it leaves', async () => {
    host.onStats = async function* () {
      yield sampleStats(params.uuid)
      void host.hangUp()
      await new Promise(() => {})
    }
    const following = api.client.stats.read({ params, query: { follow: 'true' } })
    await expect(Array.fromAsync(await following)).rejects.toMatchObject({
      code: 'host_unreachable',
      retryable: true,
    })
    await expect(read()).rejects.toMatchObject({ code: 'host_unreachable' })
    await host.dial()
    api.clock.advance(hostSilenceMs + 1)
    await expect(read()).rejects.toMatchObject({ code: 'host_unreachable' })
    await host.report()
  })
})
