import { describe, expect, it } from 'vitest'
import { createByteBudget, createCapture } from '@gpulab/transport/capture'
import { toOutcome, toStartOutcome } from './outcome.ts'

const capture = (max: number, ...chunks: (string | number[])[]) => {
  const kept = createCapture(max)
  for (const chunk of chunks) kept.add(typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk))
  return kept.result()
}

describe('captured output', () => {
  it('is text where it is UTF-8, over the borders of chunks too', () => {
    expect(capture(100, [0xc3], [0xa4], 'x')).toEqual({ text: 'äx', encoding: 'utf-8', truncated: false })
    expect(capture(100, [0xef, 0xbb, 0xbf], 'bom')).toEqual({
      text: '\ufeffbom',
      encoding: 'utf-8',
      truncated: false,
    })
    expect(capture(100)).toEqual({ text: '', encoding: 'utf-8', truncated: false })
  })

  it('is base64 where it is not', () => {
    expect(capture(100, [0xff, 0x00])).toEqual({ text: '/wA=', encoding: 'base64', truncated: false })
    expect(capture(100, 'a', [0xc3])).toEqual({ text: 'YcM=', encoding: 'base64', truncated: false })
  })

  it('is cut at the bound, but not within a character', () => {
    expect(capture(3, 'abcd')).toEqual({ text: 'abc', encoding: 'utf-8', truncated: true })
    expect(capture(3, 'abc')).toEqual({ text: 'abc', encoding: 'utf-8', truncated: false })
    expect(capture(3, 'ab€')).toEqual({ text: 'ab', encoding: 'utf-8', truncated: true })
    expect(capture(3, [0xff, 0xff], 'ab')).toEqual({ text: '//9h', encoding: 'base64', truncated: true })
    expect(capture(0, 'a', 'b')).toEqual({ text: '', encoding: 'utf-8', truncated: true })
  })
})

describe('captures that share a budget', () => {
  it('are cut when it is used up, and give back what they let go of', () => {
    const budget = createByteBudget(5)
    const [one, two] = [createCapture(100, budget), createCapture(100, budget)]
    one.add(Buffer.from('abc'))
    two.add(Buffer.from('defg'))
    expect(two.result()).toMatchObject({ text: 'de', truncated: true })
    one.clear()
    one.add(Buffer.from('late'))
    two.add(Buffer.from('h'))
    expect(two.result().text).toBe('de')
    const three = createCapture(100, budget)
    three.add(Buffer.from('ijk'))
    expect(three.result()).toMatchObject({ text: 'ijk', truncated: false })
  })
})

describe('the end of a command', () => {
  it.each([
    [0, null],
    [3, null],
    [128, null],
    [137, 'SIGKILL'],
    [143, 'SIGTERM'],
    [255, null],
  ])('with %d has signal %s', (exitCode, signal) => {
    expect(toOutcome(exitCode)).toMatchObject({ exitCode, signal })
  })
})

describe('a command that the engine can not start', () => {
  const prefix = 'OCI runtime exec failed: exec failed: unable to start container process: '
  it.each([
    [
      'exec: "nope": executable file not found in $PATH: unknown\r\n',
      127,
      'nope: executable file not found in $PATH\n',
    ],
    [
      'exec: "/no/x": stat /no/x: no such file or directory: unknown\r\n',
      127,
      '/no/x: no such file or directory\n',
    ],
    ['exec: "/etc": permission denied: unknown\r\n', 126, '/etc: permission denied\n'],
    ['exec: "/x": exec format error: unknown\r\n', 126, '/x: exec format error\n'],
  ])('ends as in a shell: %s', (text, exitCode, message) => {
    expect(toStartOutcome(prefix + text)).toEqual({ exitCode, signal: null, message })
  })

  it.each([
    [
      `${prefix}chdir to cwd ("/nope") set in config.json failed: no such file or directory: unknown\r\n`,
      'chdir to cwd ("/nope")',
    ],
    ['unable to find user x: no matching entries in passwd file\r\n', 'unable to find user x'],
  ])('or gives the sentence: %s', (text, part) => {
    expect(() => toStartOutcome(text)).toThrow(part)
  })
})
