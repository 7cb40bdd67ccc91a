import { GpulabError } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createAdmissions } from './admissions.ts'
import { lookAgain } from './look-again.ts'

function setUp() {
  const state = { asked: 0, failure: undefined as Error | undefined }
  const connection = new PassThrough()
  const ask = () => {
    state.asked++
    return state.failure ? Promise.reject(state.failure) : Promise.resolve()
  }
  return { state, connection, ask }
}

describe('a connection to a port', () => {
  it('goes on while it may stay or the API is away, and is cut then', async () => {
    const { state, connection, ask } = setUp()
    lookAgain(ask, connection, 5)
    await eventually(() => expect(state.asked).toBeGreaterThan(3))
    state.failure = new GpulabError('api_unreachable')
    const before = state.asked
    await eventually(() => expect(state.asked).toBeGreaterThan(before + 3))
    expect(connection.destroyed).toBe(false)
    state.failure = new GpulabError('port_private')
    await eventually(() => expect(connection.destroyed).toBe(true))
  })

  it.each(['port_not_found', 'container_not_found', 'origin_refused'] as const)(
    'is cut at %s',
    async (code) => {
      const { state, connection, ask } = setUp()
      state.failure = new GpulabError(code)
      lookAgain(ask, connection, 5)
      await eventually(() => expect(connection.destroyed).toBe(true))
    },
  )

  it('is not asked about at all where it has ended before', async () => {
    const { state, connection, ask } = setUp()
    await once(connection.destroy(), 'close')
    lookAgain(ask, connection, 5)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(state.asked).toBe(0)
  })

  it('is not asked about any more after its end', async () => {
    const { state, connection, ask } = setUp()
    lookAgain(ask, connection, 5)
    await eventually(() => expect(state.asked).toBeGreaterThan(0))
    connection.destroy()
    await eventually(() => expect(connection.closed).toBe(true))
    const { asked } = state
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(state.asked).toBe(asked)
  })
})

it('a word of the API is not kept for longer than what it speaks of counts', async () => {
  let asked = 0
  let now = 0
  const admissions = createAdmissions(
    {
      admit: () => {
        asked++
        return Promise.resolve({ expires_at: new Date(Date.now() + 5000).toISOString() })
      },
    },
    () => now,
  )
  const question = { uuid: 'a', port: 80, credential: 'b' }
  await admissions.ask(question)
  now = 4000
  await admissions.ask(question)
  expect(asked).toBe(1)
  now = 5001
  await admissions.ask(question)
  expect(asked).toBe(2)
})
