import type { LogLine, LogQuery, TargetContainer } from '@gpulab/contract'
import { eventually } from '@gpulab/testing'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from './test-host.ts'

let host: TestHost

beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host[Symbol.asyncDispose]())

/** As a URL carries it. */
type Query = { [K in keyof LogQuery]?: K extends 'follow' ? 'true' : LogQuery[K] }

const open = async (uuid: string, query: Query, signal?: AbortSignal): Promise<AsyncIterable<LogLine>> => {
  const client = await host.control.host()
  return client.logs({ params: { uuid }, query }, signal ? { signal } : {})
}
const read = async (uuid: string, query: Query = {}): Promise<LogLine[]> =>
  Array.fromAsync(await open(uuid, query))
const texts = (lines: readonly LogLine[]): string[] => lines.map(({ line }) => line)
const write = async (script: string): Promise<TargetContainer> => {
  const wanted = host.wish({ command: ['sh', '-c', script] })
  host.control.want(wanted)
  await eventually(async () =>
    expect((await host.list(wanted.uuid))[0]?.startedAt).toEqual(expect.any(String)),
  )
  return wanted
}
const writeAll = async (script: string): Promise<TargetContainer> => {
  const wanted = await write(script)
  await eventually(async () => expect((await host.list(wanted.uuid))[0]?.state).toBe('exited'), {
    timeoutMs: 30_000,
  })
  return wanted
}

describe('a finished log', () => {
  it('gives the last lines, whole and with their streams', async () => {
    const { uuid } = await writeAll(
      'for i in 1 2 3 4 5; do echo "out $i"; sleep 0.01; echo "err $i" >&2; sleep 0.01; done; printf end',
    )
    expect(texts(await read(uuid, { tail: 3 }))).toEqual(['out 5', 'err 5', 'end'])
    expect((await read(uuid, { tail: 3 })).map(({ stream, partial }) => [stream, partial])).toEqual([
      ['stdout', undefined],
      ['stderr', undefined],
      ['stdout', true],
    ])
    expect(await read(uuid)).toHaveLength(11)
    expect(texts(await read(uuid, { tail: 'all' }))).toHaveLength(11)
    expect(texts(await read(uuid, { tail: 2, stream: 'stderr' }))).toEqual(['err 4', 'err 5'])
    expect(await read(uuid, { tail: 0 })).toEqual([])
    expect((await read(uuid, { follow: 'true' })).at(-1)?.line).toBe('end')
  })

  it('gives a part by time, and goes on after a cursor', async () => {
    const { uuid } = await writeAll('for i in 1 2 3 4; do echo $i; sleep 0.3; done')
    const all = await read(uuid, { tail: 'all' })
    const time = (index: number) => new Date(all[index]?.ts ?? '').toISOString()
    expect(texts(await read(uuid, { tail: 'all', since: time(2) }))).toEqual(['3', '4'])
    expect(texts(await read(uuid, { tail: 'all', until: time(2) }))).toEqual(['1', '2'])
    expect(texts(await read(uuid, { tail: 1, until: time(2) }))).toEqual(['2'])
    expect(texts(await read(uuid, { cursor: all[1]?.cursor ?? '' }))).toEqual(['3', '4'])
    expect(texts(await read(uuid, { cursor: all[3]?.cursor ?? '', follow: 'true' }))).toEqual([])
    await expect(read(uuid, { cursor: 'nonsense' })).rejects.toMatchObject({ code: 'invalid_request' })
  })

  it('gives long lines in one piece up to 1 MiB', async () => {
    const { uuid } = await writeAll(
      'echo first; head -c 100000 /dev/zero | tr "\\0" x; echo; head -c 1500000 /dev/zero | tr "\\0" y; echo; echo last',
    )
    for (const query of [{ tail: 'all' }, { tail: 5 }] as const) {
      const lines = await read(uuid, query)
      expect(lines.map(({ line }) => line.length)).toEqual([5, 100_000, 1 << 20, 1_500_000 - (1 << 20), 4])
      expect(lines.map(({ partial = false }) => partial)).toEqual([false, false, true, false, false])
    }
    expect((await read(uuid, { tail: 2 })).map(({ line }) => line.at(-1))).toEqual(['y', 't'])
  })

  it('of nothing is an error', async () => {
    await expect(read(randomUUID())).rejects.toMatchObject({ code: 'container_not_found' })
  })
})

/** Numbered lines of 4 kB, which fill one of the engine's files with every 2,400. */
const manyLines = (count: number): string =>
  `awk 'BEGIN { s = sprintf("%4000s", ""); for (i = 0; i < ${count}; i++) print i s }'`
const numberOf = ({ line }: LogLine): number => Number(line.trim())

describe('a log of several files', () => {
  it('is followed from one to the next without a loss or a double', async () => {
    const { uuid } = await write(manyLines(9000))
    const seen: number[] = []
    for await (const line of await open(uuid, { follow: 'true', tail: 'all' })) {
      expect(line.gap).toBeUndefined()
      seen.push(numberOf(line))
    }
    expect(seen).toEqual(Array.from({ length: 9000 }, (_, n) => n))
  })

  it('says where lines are gone that were not read in time', async () => {
    const { uuid } = await write(
      `echo 0; until [ -e /tmp/go ]; do sleep 0.1; done; ${manyLines(18_000)}; echo end`,
    )
    const [first] = await eventually(async () => {
      const lines = await read(uuid)
      expect(lines).toHaveLength(1)
      return lines
    })
    const client = await host.control.host()
    await client.exec({ body: { container_uuid: uuid, command: 'touch /tmp/go' } })
    await eventually(async () => expect((await host.list(uuid))[0]?.state).toBe('exited'), {
      timeoutMs: 60_000,
    })
    const rest = await read(uuid, { follow: 'true', cursor: first?.cursor ?? '' })
    expect(rest.filter(({ gap }) => gap)).toEqual([rest[0]])
    expect(rest.at(-1)?.line).toBe('end')
    const numbers = rest.slice(0, -1).map(numberOf)
    expect(numbers[0]).toBeGreaterThan(0)
    expect(numbers).toEqual(numbers.map((_, n) => (numbers[0] ?? 0) + n))
  })
})

describe('a followed log', () => {
  it('comes as it is written and ends with the container', async () => {
    const { uuid } = await write(
      'for i in 1 2 3; do echo $i; until [ -e /tmp/seen-$i ]; do usleep 50000; done; done; echo end >&2',
    )
    const client = await host.control.host()
    const seen: string[] = []
    for await (const { line } of await open(uuid, { follow: 'true', tail: 'all' })) {
      seen.push(line)
      // The next one is written once this one has come.
      if (line !== 'end')
        await client.exec({ body: { container_uuid: uuid, command: `touch /tmp/seen-${line}` } })
    }
    expect(seen).toEqual(['1', '2', '3', 'end'])
  })

  it('goes on over a restart', async () => {
    const wanted = await host.deploy({
      command: ['sh', '-c', 'echo begin; trap "exit 0" TERM; while :; do sleep 0.1; done'],
    })
    const facts = await host.control.settled(wanted.uuid)
    const seen: string[] = []
    const following = (async () => {
      for await (const { line } of await open(wanted.uuid, { follow: 'true', tail: 'all' })) seen.push(line)
    })()
    await eventually(() => expect(seen).toEqual(['begin']))
    host.control.want({ ...wanted, start_after: facts?.started_at ?? '' })
    await eventually(() => expect(seen).toEqual(['begin', 'begin']), { timeoutMs: 20_000 })
    host.control.want({ ...wanted, desired: 'stopped' })
    await following
    expect(seen).toEqual(['begin', 'begin'])
  })

  it('loses and doubles nothing over any number of cuts', async () => {
    const lines = 4000
    const { uuid } = await write(
      `i=0; while [ $i -lt ${lines} ]; do echo "o $i"; echo "e $i" >&2; [ $((i % 700)) = 9 ] && { head -c 40000 /dev/zero | tr "\\0" z; echo; }; i=$((i+1)); done`,
    )
    const seen: string[] = []
    let cursor: string | undefined
    for (let round = 0; ; round++) {
      const cut = new AbortController()
      const budget = 50 + ((round * 997) % 900)
      let count = 0
      try {
        for await (const line of await open(
          uuid,
          { follow: 'true', tail: 'all', ...(cursor && { cursor }) },
          cut.signal,
        )) {
          seen.push(`${line.stream} ${line.line.slice(0, 20)}`)
          cursor = line.cursor
          if (++count >= budget) cut.abort()
        }
      } catch (error) {
        if (!cut.signal.aborted) throw error
      }
      if (!cut.signal.aborted) break
    }
    const expected = Array.from({ length: lines }, (_, i) => [`stdout o ${i}`, `stderr e ${i}`]).flat()
    const counts = Map.groupBy(
      seen.filter((line) => !line.includes('z')),
      (line) => line,
    )
    expect(expected.filter((line) => counts.get(line)?.length !== 1)).toEqual([])
    expect(counts.size).toBe(expected.length)
    expect(seen.filter((line) => line.includes('zzz'))).toHaveLength(6)
  })

  it('that nobody reads does not hold the program up', async () => {
    const leaving = new AbortController()
    const { uuid } = await write(
      'i=0; while [ $i -lt 60000 ]; do echo "0123456789012345678901234567890123456789 $i"; i=$((i+1)); done; touch /tmp/done; sleep 60',
    )
    const iterator = (await open(uuid, { follow: 'true' }, leaving.signal))[Symbol.asyncIterator]()
    await iterator.next()
    const client = await host.control.host()
    await eventually(
      async () => {
        const { exit_code: code } = await client.exec({
          body: { container_uuid: uuid, command: 'test -e /tmp/done' },
        })
        expect(code).toBe(0)
      },
      { timeoutMs: 60_000, intervalMs: 200 },
    )
    leaving.abort()
  })
})
