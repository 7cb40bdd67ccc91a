import { GpulabError, type Route } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { createRouteCache } from './route-cache.ts'

const route: Route = { status: 'running', reason: null, host: null, ports: {} }

function setUp() {
  const state = { now: 0, asked: 0, failure: undefined as GpulabError | undefined, status: 'running' }
  const cache = createRouteCache(
    {
      route: () => {
        state.asked++
        return state.failure
          ? Promise.reject(state.failure)
          : Promise.resolve({ ...route, status: state.status })
      },
    },
    () => state.now,
  )
  return { state, cache }
}

describe('routes', () => {
  it('are asked for once by all who wait, and kept for a moment', async () => {
    const { state, cache } = setUp()
    await Promise.all(Array.from({ length: 50 }, () => cache.find('a')))
    state.now = 1900
    await cache.find('a')
    expect(state.asked).toBe(1)
  })

  it('are used a little longer while they are asked for again, and then not', async () => {
    const { state, cache } = setUp()
    await cache.find('a')
    state.status = 'stopped'
    state.now = 3000
    expect((await cache.find('a')).status).toBe('running')
    expect((await cache.find('a')).status).toBe('stopped')
    state.status = 'failed'
    state.now = 9000
    expect((await cache.find('a')).status).toBe('failed')
  })

  it('go on to be used while the API is away', async () => {
    const { state, cache } = setUp()
    await cache.find('a')
    state.failure = new GpulabError('api_unreachable')
    state.now = 60_000
    expect((await cache.find('a')).status).toBe('running')
    await expect(cache.find('b')).rejects.toThrow(state.failure.message)
    state.now = 700_000
    await expect(cache.find('a')).rejects.toThrow(state.failure.message)
  })

  it('of what is gone are gone', async () => {
    const { state, cache } = setUp()
    await cache.find('a')
    state.failure = new GpulabError('container_not_found')
    state.now = 10_000
    await expect(cache.find('a')).rejects.toThrow('no such container')
  })

  it('that are known stay so while somebody asks for very many that are not', async () => {
    const { state, cache } = setUp()
    await cache.find('a')
    state.failure = new GpulabError('container_not_found')
    for (let index = 0; index < 25_000; index++) await cache.find(`none-${index}`).catch(() => {})
    const { asked } = state
    expect((await cache.find('a')).status).toBe('running')
    await expect(cache.find('none-24999')).rejects.toMatchObject({ code: 'container_not_found' })
    expect(state.asked).toBe(asked)
  })
})
