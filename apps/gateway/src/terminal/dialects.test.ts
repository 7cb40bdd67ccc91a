import { frameType, parseControl } from '@gpulab/contract'
import { describe, expect, it } from 'vitest'
import { ours, toSize, ttyd } from './dialects.ts'

const dialect = ttyd('shell')

describe("ttyd's dialect", () => {
  it('greets with title and preferences', () => {
    expect(dialect.greeting.map((part) => Buffer.from(part).toString())).toEqual(['1shell', '2{}'])
  })

  it('reads input, sizes, pauses, and passes over what it does not know', () => {
    expect(dialect.read(Buffer.from('0ls'))).toEqual({ type: frameType.stdin, payload: Buffer.from('ls') })
    const resize = dialect.read(Buffer.from('1{"columns":100,"rows":30}'))
    expect(typeof resize === 'object' && parseControl(resize)).toEqual({
      type: 'resize',
      columns: 100,
      rows: 30,
    })
    expect(['2', '3', '9', ''].map((text) => dialect.read(Buffer.from(text)))).toEqual([
      'pause',
      'resume',
      undefined,
      undefined,
    ])
    expect(() => dialect.read(Buffer.from('1{'))).toThrow()
  })

  it('writes output of either stream, and nothing else', () => {
    const payload = Buffer.from('out')
    for (const type of [frameType.stdout, frameType.stderr])
      expect(Buffer.from(dialect.write({ type, payload }) ?? []).toString()).toBe('0out')
    expect(dialect.write({ type: frameType.control, payload: Buffer.from('{}') })).toBeUndefined()
  })

  it.each([[undefined], [null], ['x'], [{}], [{ columns: 0, rows: -1 }], [{ columns: 1.5, rows: 1e9 }]])(
    'takes 80 by 24 for %j',
    (size) => expect(toSize(size)).toEqual({ columns: 80, rows: 24 }),
  )
})

describe('our dialect', () => {
  it('takes frames as they are, and no nonsense', () => {
    expect(ours.read(Buffer.from([0, 97]))).toEqual({ type: 0, payload: Buffer.from('a') })
    for (const wrong of [
      Buffer.from([9, 97]),
      Buffer.from([3, 97]),
      Buffer.from('{"AuthToken":""}'),
      Buffer.alloc(0),
    ])
      expect(() => ours.read(wrong)).toThrow()
  })
})
