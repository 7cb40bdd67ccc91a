import type { LogLine } from '@gpulab/contract'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EngineFrame } from '../docker/demux.ts'
import { createAssembler } from './assembler.ts'
import { encodeCursor, parseCursor, resumeFrom, toEngineTime, toNanoseconds } from './cursor.ts'
import { readTail } from './tail.ts'

const record = (stream: 'stdout' | 'stderr', ms: number, text: string): EngineFrame => {
  const ts = `2026-01-01T00:00:${String(Math.floor(ms / 1000)).padStart(2, '0')}.${String(ms % 1000).padStart(3, '0')}000001Z`
  return { stream, payload: Buffer.from(`${ts} ${text}`) }
}
const full = 'x'.repeat(16_384)
/** As the engine writes a line: cut into records with one timestamp. */
const records = (stream: 'stdout' | 'stderr', ms: number, line: string): EngineFrame[] =>
  (line.match(/[^]{1,16384}/g) ?? []).map((part) => record(stream, ms, part))
const assemble = (frames: readonly EngineFrame[], from = {}): LogLine[] => {
  const assembler = createAssembler(from)
  return [...frames.flatMap((frame) => assembler.push(frame)), ...assembler.flush()]
}
const show = (lines: readonly LogLine[]) =>
  lines.map(({ stream, line, partial }) => [stream, line.length, partial ?? false])

describe('time', () => {
  it('is exact to the nanosecond', () => {
    expect(toNanoseconds('2026-01-01T00:00:00.123456789Z')).toBe(1_767_225_600_123_456_789n)
    expect(toNanoseconds('2026-01-01T00:00:00Z')).toBe(1_767_225_600_000_000_000n)
    expect(toNanoseconds('2026-01-01T01:00:00.5+01:00')).toBe(1_767_225_600_500_000_000n)
    expect(toEngineTime(1_767_225_600_023_456_789n)).toBe('1767225600.023456789')
  })
})

describe('a cursor', () => {
  it('survives the way to a client and back', () => {
    const cursor = { stdout: { ns: 5n, part: 2 }, stderr: { ns: 7n, part: 0 }, open: 3n }
    expect(parseCursor(encodeCursor(cursor))).toEqual(cursor)
    expect(parseCursor(encodeCursor({}))).toEqual({})
    expect(encodeCursor({ ...cursor, stdout: { ns: 10n ** 19n, part: 999_999_999 } }).length).toBeLessThan(
      200,
    )
    for (const text of ['x', 'o1', 'o1.2x', '1.2']) expect(() => parseCursor(text)).toThrow(/cursor/)
  })

  it('reads again from before its newest line, and from an unfinished one', () => {
    expect(resumeFrom({})).toBeUndefined()
    const stdout = { ns: 10_000_000_000n, part: 0 }
    expect(resumeFrom({ stdout, stderr: { ns: 9n, part: 0 } })).toBe('8.000000000')
    expect(resumeFrom({ stdout, open: 3_000_000_001n })).toBe('3.000000001')
  })
})

describe('lines', () => {
  it('are put together from the records of their own stream', () => {
    const lines = assemble([
      record('stdout', 1, full),
      record('stderr', 2, 'e\n'),
      record('stdout', 1, 'end\n'),
      record('stdout', 3, '\n'),
    ])
    expect(show(lines)).toEqual([
      ['stderr', 1, false],
      ['stdout', 16_387, false],
      ['stdout', 0, false],
    ])
  })

  it('without their newline are partial', () => {
    expect(show(assemble([record('stdout', 1, 'prompt> ')]))).toEqual([['stdout', 8, true]])
    expect(show(assemble([record('stdout', 1, full), record('stdout', 2, 'next run\n')]))).toEqual([
      ['stdout', 16_384, true],
      ['stdout', 8, false],
    ])
  })

  it('over 1 MiB come in pieces', () => {
    expect(show(assemble(records('stdout', 1, `${'x'.repeat((1 << 20) + 10)}\n`)))).toEqual([
      ['stdout', 1 << 20, true],
      ['stdout', 10, false],
    ])
  })

  it('come once, wherever a reader was cut off', () => {
    const texts = fc.array(
      fc.tuple(
        fc.constantFrom('stdout' as const, 'stderr' as const),
        fc.constantFrom('a', 'bb', full, `${full}${full}c`),
      ),
      { minLength: 1, maxLength: 12 },
    )
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(), (written, cutSeed, backSeed) => {
        const log = written.flatMap(([stream, text], n) => records(stream, n, `${text}\n`))
        const whole = assemble(log)
        const first = createAssembler({})
        const seen = log.slice(0, cutSeed % (log.length + 1)).flatMap((frame) => first.push(frame))
        const cursor = seen.at(-1) ? parseCursor(seen.at(-1)?.cursor ?? '') : {}
        // The engine gives whole lines again, from any point before the cursor on.
        const back = Math.min(backSeed % (seen.length + 1), seen.length)
        const open = cursor.open ?? cursor.stdout?.ns ?? 0n
        const from = log.filter(
          ({ payload }) =>
            back === 0 ||
            toNanoseconds(payload.toString('latin1', 0, payload.indexOf(32))) >= open - 5_000_000_000n,
        )
        expect(show([...seen, ...assemble(from, cursor)])).toEqual(show(whole))
      }),
    )
  })
})

describe('lines that are gone', () => {
  const log = ['one', 'two', 'three', 'four'].map((text, n) => record('stdout', n, `${text}\n`))
  const resume = (frames: readonly EngineFrame[], after: number, isContinued = true) => {
    const [line] = assemble(log.slice(0, after)).slice(-1)
    const assembler = createAssembler(parseCursor(line?.cursor ?? ''), { isContinued })
    return frames.flatMap((frame) => assembler.push(frame)).map(({ line, gap }) => (gap ? `… ${line}` : line))
  }

  it('are told where the one before them is gone too, once', () => {
    expect(resume(log, 2)).toEqual(['three', 'four'])
    expect(resume(log.slice(1), 2)).toEqual(['three', 'four'])
    expect(resume(log.slice(2), 1)).toEqual(['… three', 'four'])
    expect(resume(log.slice(3), 1)).toEqual(['… four'])
  })

  it('are not missed where only a part of the log was asked for', () => {
    expect(resume(log.slice(3), 1, false)).toEqual(['four'])
    expect(createAssembler({}, { isContinued: true }).push(record('stdout', 1, 'x\n'))[0]).not.toHaveProperty(
      'gap',
    )
  })

  it('are looked for by the newest record of either stream', () => {
    const both = [
      record('stderr', 0, 'old\n'),
      record('stdout', 5000, 'new\n'),
      record('stderr', 5001, 'next\n'),
    ]
    const [, last] = assemble(both.slice(0, 2))
    const cursor = parseCursor(last?.cursor ?? '')
    const read = (frames: readonly EngineFrame[]) => {
      const assembler = createAssembler(cursor, { isContinued: true })
      return frames.flatMap((frame) => assembler.push(frame)).map(({ line, gap }) => [line, gap])
    }
    expect(read(both.slice(1))).toEqual([['next', undefined]])
    expect(read(both.slice(2))).toEqual([['next', true]])
  })
})

describe('the tail', () => {
  const log = [
    ...records('stdout', 1, 'one\n'),
    ...records('stderr', 2, 'two\n'),
    ...records('stdout', 3, `${'y'.repeat(40_000)}\n`),
    ...records('stdout', 4, 'four\n'),
  ]
  const tail = (lines: number, stream?: 'stdout' | 'stderr') => {
    async function* read(count: number | undefined) {
      yield* count === undefined ? log : log.slice(-count)
    }
    return readTail(read, { lines, stream, follow: false, whole: false })
  }

  it('has whole lines only', async () => {
    expect(show((await tail(1)).lines)).toEqual([['stdout', 4, false]])
    expect(show((await tail(2)).lines)).toEqual([
      ['stdout', 40_000, false],
      ['stdout', 4, false],
    ])
    expect((await tail(100)).lines).toHaveLength(4)
    expect((await tail(0)).lines).toEqual([])
  })

  it('leaves out the oldest lines that would take too much memory', async () => {
    let reads = 0
    async function* read(count: number | undefined) {
      reads++
      yield* count === undefined ? log : log.slice(-count)
    }
    const options = { lines: 4, stream: undefined, follow: false, whole: false, maxBytes: 50_000 }
    const { lines } = await readTail(read, options)
    expect(lines.map(({ line }) => line)).toEqual(['four'])
    expect(reads).toBe(1)
  })

  it('counts the lines of one stream', async () => {
    expect((await tail(1, 'stderr')).lines.map(({ line }) => line)).toEqual(['two'])
    expect((await tail(5, 'stdout')).lines).toHaveLength(3)
  })

  it('tells where to go on, for a silent stream too', async () => {
    const { cursor } = await tail(1)
    expect(assemble([...log, ...records('stderr', 5, 'new\n')], cursor).map(({ line }) => line)).toEqual([
      'new',
    ])
    expect((await tail(0)).cursor.stdout).toBeDefined()
  })
})
