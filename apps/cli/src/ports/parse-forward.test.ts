import { describe, expect, it } from 'vitest'
import { parseForward } from './parse-forward.ts'

describe('parseForward', () => {
  it.each([
    ['8888', { port: 8888, local: 8888 }],
    ['8888:9999', { port: 8888, local: 9999 }],
    ['1:0', { port: 1, local: 0 }],
    ['65535:65535', { port: 65_535, local: 65_535 }],
  ])('reads %s', (text, forward) => {
    expect(parseForward(text)).toEqual(forward)
  })

  it.each(['', '0', '65536', '80:65536', '80:', ':80', '80:81:82', 'http', '-1', '8 0', '080000'])(
    'rejects %j',
    (text) => {
      expect(() => parseForward(text)).toThrow('not a port to forward')
    },
  )
})
