import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { formatTime, formatUptime, parseDuration } from './duration.ts'
import { escapeText } from './escape.ts'
import { hasColor } from './output.ts'
import { formatSize, gibibyte, mebibyte, parseSize } from './size.ts'
import { formatTable, widthOf } from './table.ts'

describe('escapeText', () => {
  it.each([
    ['plain text — ü 漢字 🚀', 'plain text — ü 漢字 🚀'],
    ['a\nb\tc\r', String.raw`a\nb\tc\r`],
    ['\u001B[2J\u009B1m\u007F', String.raw`\u001b[2J\u009b1m\u007f`],
    ['abc\u202Etxt\u2066.exe\u2028', String.raw`abc\u202etxt\u2066.exe\u2028`],
  ])('of %j', (text, escaped) => expect(escapeText(text)).toBe(escaped))

  it('leaves nothing that moves a cursor', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\u0000-\u001F\u007F-\u009F\u202A-\u202E]/)
      }),
    )
  })
})

describe('sizes', () => {
  it.each([
    [24 * gibibyte, '24 GB'],
    [45.2 * gibibyte, '45.2 GB'],
    [512 * mebibyte, '512 MB'],
    [2 * 2 ** 40, '2 TB'],
    [100, '100 B'],
  ])('of %d bytes read %s', (bytes, text) => expect(formatSize(bytes)).toBe(text))

  it.each([
    ['32', 32 * gibibyte],
    ['512MiB', 512 * mebibyte],
    ['1.5g', 1.5 * gibibyte],
    ['2TB', 2 * 2 ** 40],
    ['64 kb', 65_536],
    ['100b', 100],
  ])('%s is %d bytes', (text, bytes) => expect(parseSize(text, gibibyte)).toBe(bytes))

  it.each(['', '0', '-1', '1x', 'GiB', '1e9'])('%j is refused', (text) =>
    expect(() => parseSize(text, gibibyte)).toThrow('is not a size'),
  )

  it('is refused where no machine has so much', () =>
    expect(() => parseSize('99999999TiB', gibibyte)).toThrow('more than any machine has'))
})

describe('durations', () => {
  it.each([
    ['30', 30_000],
    ['0.5', 500],
    ['500ms', 500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2D', 172_800_000],
  ])('%s is %d ms', (text, durationMs) => expect(parseDuration(text)).toBe(durationMs))

  it.each(['', '0', '-5', '5 minutes', 'm', '1y'])('%j is refused', (text) =>
    expect(() => parseDuration(text)).toThrow('is not a duration'),
  )

  it.each([
    [8130, '2h 15m', '2h 15m 30s'],
    [59, '59s', '59s'],
    [3600, '1h', '1h 0m 0s'],
    [90_061, '1d 1h', '1d 1h 1m 1s'],
    [0, '0s', '0s'],
  ])('%d s read %s', (seconds, short, precise) => {
    expect(formatUptime(seconds)).toBe(short)
    expect(formatUptime(seconds, true)).toBe(precise)
  })

  it('print times in UTC', () => {
    expect(formatTime('2026-03-01T11:00:00.123+01:00')).toBe('2026-03-01 10:00:00 UTC')
    expect(formatTime('soon')).toBe('soon')
  })
})

describe('a table', () => {
  it.each([
    ['abc', 3],
    ['漢字', 4],
    ['🚀', 2],
    ['e\u0301', 1],
    ['\u001B[32mok\u001B[39m', 2],
  ])('counts the columns of %j as %d', (text, width) => expect(widthOf(text)).toBe(width))

  it('aligns what looks the same and pads no end of line', () => {
    expect(
      formatTable(
        ['A', 'B'],
        [
          ['漢字', '-'],
          ['\u001B[32mx\u001B[39m', 'y'],
        ],
      ),
    ).toEqual(['A      B', '漢字   -', '\u001B[32mx\u001B[39m      y'])
  })
})

describe('color', () => {
  const terminal = { isTTY: true }
  it.each([
    [terminal, {}, false, true],
    [{}, {}, false, false],
    [terminal, { TERM: 'dumb' }, false, false],
    [terminal, { NO_COLOR: '' }, false, true],
    [terminal, { NO_COLOR: '1', FORCE_COLOR: '1' }, false, false],
    [{}, { FORCE_COLOR: '1' }, false, true],
    [terminal, { FORCE_COLOR: '1' }, true, false],
  ])('on %j with %j and --no-color %j: %j', (stream, env, noColor, expected) =>
    expect(hasColor(stream, env, noColor)).toBe(expected),
  )
})
