import { describe, expect, it } from 'vitest'
import { requireText } from './require-text.ts'

describe('a command', () => {
  it('of text is fine, the replacement character included', () => {
    expect(() => requireText(['echo', 'größe'], () => expect.fail())).not.toThrow()
    expect(() => requireText(['echo', '\ufffd'], () => Buffer.from('echo\0\ufffd'))).not.toThrow()
  })

  it('with other bytes is refused, since they are not there any more', () => {
    expect(() => requireText(['echo', '\ufffd'], () => Buffer.from([0x65, 0xff]))).toThrow(/not UTF-8/)
  })
})
