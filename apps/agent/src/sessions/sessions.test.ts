import type { FastifyBaseLogger } from 'fastify'
import { randomUUID } from 'node:crypto'
import { eventually } from '@gpulab/testing'
import { expect, it } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import type { LinkedGuest } from '../guest/guest-link.ts'
import { createSessions, sessionLimits, type SessionsDeps } from './sessions.ts'

/** A guest whose programs run until they are killed. */
function createGuest(): LinkedGuest {
  const ends = new Map<string, PromiseWithResolvers<unknown>>()
  const connection = {
    hello: { uid: 0, incarnation: '1' },
    run: async () => ({ offset: 0, inputOffset: 0, detach: async () => {} }),
    attach: async () => ({ offset: 0, inputOffset: 0, detach: async () => {} }),
    list: async () => [],
    expectExit: (id: string) => ({
      exit: ends.getOrInsertComputed(id, () => Promise.withResolvers()).promise,
    }),
    waitForExit: (id: string) => ends.get(id)?.promise,
    kill: async (id: string) => ends.get(id)?.resolve({ exitCode: 137, signal: 'SIGKILL', killed: true }),
  }
  const container = { uuid, startedAt: 'then', gpuUuids: [], state: 'running' }
  return { connection, container } as unknown as LinkedGuest
}

const uuid = randomUUID()
const input = {
  command: ['sleep', '600'],
  env: {},
  workdir: undefined,
  user: undefined,
  tty: null,
  stdin: false,
  timeout: null,
  max_buffer: 1 << 20,
}

it('a session that nobody is attached to for a day expires', async () => {
  const guest = createGuest()
  let ms = Date.now()
  let rounds = 0
  const wait: Clock['wait'] = (_ms, signal) => {
    rounds++
    return systemClock.wait(1, signal)
  }
  const log = { info: () => {}, warn: () => {}, debug: () => {} } as unknown as FastifyBaseLogger
  const sessions = createSessions({
    guests: { find: async () => guest, peek: () => guest },
    clock: { ...systemClock, now: () => ms, wait },
    log,
    config: { gpuInjection: 'nvidia' },
    sessionStore: {
      load: async () => [],
      save: async () => {},
      remove: async () => {},
      spoolFolder: () => `/tmp/gpulab-no-spool-${uuid}`,
    },
    sessionLimits,
  } as unknown as SessionsDeps)
  const idle = await sessions.create(uuid, { ...input, id: randomUUID(), detached: false })
  const get = () => sessions.get(uuid, idle.id, 0, new AbortController().signal)
  const stop = new AbortController()
  const running = sessions.run(stop.signal).catch(() => {})
  ms += sessionLimits.idleMs - 1000
  await eventually(() => expect(rounds).toBeGreaterThan(3))
  expect(await get()).toMatchObject({ state: 'running' })
  ms += 2000
  await eventually(async () =>
    expect(await get()).toMatchObject({ state: 'ended', reason: 'expired', exit_code: 137 }),
  )
  stop.abort()
  await running
})
