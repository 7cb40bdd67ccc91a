import { GpulabError, type Session } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createChannelPair } from '../../test/channel-pair.ts'
import { cat, exitOf, type FakeProgram, FakeSession } from '../../test/fake-session.ts'
import { type News, SessionClient, type SessionApi, type SessionIo } from './session-client.ts'

const place = { uuid: 'container', id: 'session' }

interface Setup {
  /** Of each connection, one after the other: after how many frames it is cut. */
  readonly cuts?: readonly number[]
  /** Of each attempt: what it fails with, if it does. */
  readonly failures?: (GpulabError | undefined)[]
  readonly view?: () => Partial<Session>
}

function connect(
  session: FakeSession,
  { cuts = [], failures = [], view = () => ({}) }: Setup = {},
): SessionApi {
  let connections = 0
  return {
    sessions: {
      attach: async (input, options) => {
        const failure = failures.shift()
        if (failure) throw failure
        const { near, far } = createChannelPair(cuts[connections++])
        options?.signal?.addEventListener('abort', () => near.destroy())
        void session.serve(far, { offset: Number(input.query?.offset ?? 0) }).then(
          () => far.end(),
          () => far.destroy(),
        )
        return near
      },
      get: async () => view() as Session,
    },
  }
}

function record(io: Partial<SessionIo> = {}) {
  const chunks = { output: [] as Uint8Array[], error: [] as Uint8Array[] }
  const news: News[] = []
  const full: SessionIo = {
    output: async (bytes) => void chunks.output.push(bytes),
    error: async (bytes) => void chunks.error.push(bytes),
    signal: new AbortController().signal,
    onNews: (item) => void news.push(item),
    ...io,
  }
  return {
    io: full,
    news,
    output: () => Buffer.concat(chunks.output),
    error: () => Buffer.concat(chunks.error),
  }
}

async function* feed(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

const bytesOf = (size: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: size }, (_, n) => (n * 31 + seed * 7 + (n >> 8)) & 0xff)

describe('whatever is cut', () => {
  it('every byte goes each way once, in order, and within the window', async () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 100, 65_535, 65_536, 65_537, 200_000, 262_145), {
      maxLength: 8,
    })
    const cuts = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(sizes, cuts, async (lengths, points) => {
        const input = lengths.map(bytesOf)
        const session = new FakeSession(cat)
        const seen = record({ input: feed(input) })
        const ending = await new SessionClient(connect(session, { cuts: points }), place, seen.io, {
          isNew: true,
        }).run()
        expect(ending).toMatchObject({ exitCode: 0, reason: 'exited' })
        expect(seen.output().equals(Buffer.concat(input))).toBe(true)
        expect(session.problems).toEqual([])
        // The last word may be cut off: the session has ended all the same.
        if (points.length === 0) expect(session.acked).toBe(session.end)
      }),
      { numRuns: 40 },
    )
  })

  it('both streams come whole, and in the order in which they were written', async () => {
    const runs = fc.array(
      fc.record({
        kind: fc.constantFrom('stdout' as const, 'stderr' as const),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 50 }),
      }),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(
        runs,
        fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }),
        async (all, cuts) => {
          const session = new FakeSession({
            start: (self) => {
              for (const { kind, bytes } of all) self.write(kind, bytes)
              self.finish(exitOf(4))
            },
          })
          const order: string[] = []
          const sink = (kind: string) => async (bytes: Uint8Array) => {
            await new Promise((resolve) => setImmediate(resolve))
            order.push(`${kind} ${Buffer.from(bytes).toString('hex')}`)
          }
          const seen = record({ output: sink('stdout'), error: sink('stderr') })
          await new SessionClient(connect(session, { cuts }), place, seen.io, { isNew: true }).run()
          expect(join(order)).toEqual(
            join(all.map(({ kind, bytes }) => `${kind} ${Buffer.from(bytes).toString('hex')}`)),
          )
          expect(session.problems).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })
})

/** Neighbours of the same stream as one. */
function join(items: readonly string[]): string[] {
  const joined: string[] = []
  for (const item of items) {
    const [kind = '', hex = ''] = item.split(' ')
    const last = joined.at(-1)
    if (last?.startsWith(`${kind} `)) joined[joined.length - 1] = last + hex
    else joined.push(`${kind} ${hex}`)
  }
  return joined
}

const write = (size: number): FakeProgram => ({
  start: (self) => {
    for (let at = 0; at < size; at += 32 << 10)
      self.write('stdout', bytesOf(Math.min(32 << 10, size - at), at))
    self.finish(exitOf(0))
  },
})

describe('a reader that does not read', () => {
  it('is given a bounded part, and nothing is acknowledged that it has not taken', async () => {
    const session = new FakeSession(write(4 << 20))
    const going = Promise.withResolvers<void>()
    let given = 0
    const seen = record({
      output: async (bytes) => {
        given += bytes.length
        await going.promise
      },
    })
    const running = new SessionClient(connect(session), place, seen.io, { isNew: true }).run()
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(given).toBeLessThanOrEqual(320 << 10)
    expect(session.acked).toBe(0)
    going.resolve()
    await running
    expect(given).toBe(4 << 20)
    expect(session.acked).toBe(4 << 20)
  })

  it('that fails ends it with that failure', async () => {
    const failure = new Error('EPIPE')
    const seen = record({ output: () => Promise.reject(failure) })
    const session = new FakeSession(write(1 << 20))
    await expect(new SessionClient(connect(session), place, seen.io, { isNew: true }).run()).rejects.toBe(
      failure,
    )
  })
})

describe('a source that fails', () => {
  it('ends it with that failure, and no end of input is told', async () => {
    const failure = new Error('EIO')
    const session = new FakeSession(cat)
    const input = (async function* () {
      yield bytesOf(10, 1)
      throw failure
    })()
    await expect(
      new SessionClient(connect(session), place, record({ input }).io, { isNew: true }).run(),
    ).rejects.toBe(failure)
    expect(session.exit).toBeUndefined()
  })
})

describe('what is told', () => {
  it('are gaps, where they are', async () => {
    const session = new FakeSession({
      start: (self) => {
        self.write('stdout', Buffer.from('before'))
        self.drop(1000)
        self.write('stdout', Buffer.from('after'))
        self.finish(exitOf(0))
      },
    })
    const seen = record()
    await new SessionClient(connect(session), place, seen.io, { isNew: true }).run()
    expect(seen.output().toString()).toBe('beforeafter')
    expect(seen.news).toEqual([{ kind: 'attached' }, { kind: 'gap', bytes: 1000 }])
    expect(session.acked).toBe(session.end)
  })

  it('is a cut, and that it is over', async () => {
    const session = new FakeSession(cat)
    const seen = record({ input: feed([bytesOf(3_000_000, 3)]) })
    const failures = [undefined, new GpulabError('api_unreachable')]
    const api = connect(session, { cuts: [9], failures })
    await new SessionClient(api, place, seen.io, { isNew: true }).run()
    expect(seen.news.map(({ kind }) => kind)).toEqual(['attached', 'cut', 'back'])
  })

  it('is no cut that is over at once', async () => {
    const session = new FakeSession(cat)
    const seen = record({ input: feed([bytesOf(3_000_000, 3)]) })
    await new SessionClient(connect(session, { cuts: [9] }), place, seen.io, { isNew: true }).run()
    expect(seen.news.map(({ kind }) => kind)).toEqual(['attached'])
  })
})

describe('sizes and signals', () => {
  it('reach the session, and the size again after a cut', async () => {
    const session = new FakeSession({ signal: (self) => self.finish(exitOf(130, { signal: 'SIGINT' })) })
    const seen = record({
      onNews: (news) => {
        if (news.kind === 'back') setTimeout(() => client.sendSignal('SIGINT'), 20)
      },
    })
    const failures = [undefined, new GpulabError('api_unreachable')]
    const api = connect(session, { cuts: [2], failures })
    const client = new SessionClient(api, place, seen.io, { isNew: true })
    client.resize({ columns: 80, rows: 24 })
    const running = client.run()
    await eventually(() => expect(session.sizes).toEqual(['80x24']))
    client.resize({ columns: 100, rows: 30 })
    expect(await running).toMatchObject({ exitCode: 130, signal: 'SIGINT' })
    expect(session.sizes).toEqual(['80x24', '100x30'])
    expect(session.signals).toEqual(['SIGINT'])
  })
})

describe('a session that can not be attached to', () => {
  const retryable = new GpulabError('host_unreachable')

  it('is tried again when it was made just now', async () => {
    const session = new FakeSession(write(100))
    const api = connect(session, { failures: [retryable, retryable, undefined] })
    expect(await new SessionClient(api, place, record().io, { isNew: true }).run()).toMatchObject({
      exitCode: 0,
    })
  })

  it('fails at once otherwise', async () => {
    const api = connect(new FakeSession(write(100)), { failures: [retryable] })
    await expect(new SessionClient(api, place, record().io).run()).rejects.toBe(retryable)
  })

  it('is tried as long after hours in which nothing was said', async () => {
    const session = new FakeSession({})
    const api = connect(session, { cuts: [1] })
    const client = new SessionClient(api, place, record().io, { isNew: true, giveUpMs: 200 })
    const running = client.run()
    await new Promise((resolve) => setTimeout(resolve, 400))
    // The second frame, which is cut.
    client.resize({ columns: 80, rows: 24 })
    session.finish(exitOf(0))
    expect(await running).toMatchObject({ exitCode: 0 })
  })

  it('is given up in the end', async () => {
    const api = connect(new FakeSession(write(100)), {
      failures: Array.from({ length: 100 }, () => retryable),
    })
    const client = new SessionClient(api, place, record().io, { isNew: true, giveUpMs: 300 })
    await expect(client.run()).rejects.toBe(retryable)
  })

  it('may have ended: then that is how it ended, and what is missing is told', async () => {
    const session = new FakeSession(write(64 << 10))
    const gone = new GpulabError('session_not_found')
    const view = () => ({
      state: 'ended' as const,
      exit_code: 3,
      reason: 'exited',
      end_offset: (64 << 10) + 5,
    })
    const api = connect(session, { cuts: [3], failures: [undefined, gone], view })
    const seen = record()
    expect(await new SessionClient(api, place, seen.io, { isNew: true }).run()).toMatchObject({ exitCode: 3 })
    const bytes = (64 << 10) + 5 - seen.output().length
    expect(seen.news.at(-1)).toEqual({ kind: 'gap', bytes })
  })
})

describe('another client', () => {
  const takenOver = {
    type: 'error',
    code: 'session_taken_over',
    message: 'Taken over.',
    retryable: false,
  } as const

  it('that takes the session over has it', async () => {
    const session = new FakeSession({})
    session.error = takenOver
    await expect(
      new SessionClient(connect(session), place, record().io, { isNew: true }).run(),
    ).rejects.toMatchObject({ code: 'session_taken_over' })
    expect(session.attachments).toBe(1)
  })

  it('may be a late attempt of our own, and is put out again', async () => {
    const session = new FakeSession(write(100))
    session.error = takenOver
    const api = connect(session, { failures: [new GpulabError('api_unreachable'), undefined] })
    expect(await new SessionClient(api, place, record().io, { isNew: true }).run()).toMatchObject({
      exitCode: 0,
    })
    expect(session.attachments).toBe(2)
  })
})

describe('leaving', () => {
  it('rejects with its reason, whatever is waited for', async () => {
    for (const cuts of [undefined, [0]]) {
      const leaving = new AbortController()
      const reason = new Error('left')
      const seen = record({ signal: leaving.signal, onNews: () => leaving.abort(reason) })
      const api = connect(new FakeSession({}), cuts && { cuts })
      await expect(new SessionClient(api, place, seen.io, { isNew: true }).run()).rejects.toBe(reason)
    }
  })
})
