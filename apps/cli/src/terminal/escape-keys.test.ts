import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EscapeKeys } from './escape-keys.ts'

/** What comes of keys that are typed in these parts: text to send, and escapes in angle brackets. */
function type(...parts: string[]): string {
  const keys = new EscapeKeys()
  const items = parts.flatMap((part) => keys.push(Buffer.from(part)))
  return items.map((item) => (typeof item === 'string' ? `<${item}>` : Buffer.from(item).toString())).join('')
}

describe('at the beginning of a line', () => {
  it.each([
    ['~.', '<leave>'],
    ['~d', '<detach>'],
    ['~?', '<help>'],
    ['~?~.', '<help><leave>'],
    ['~~', '~'],
    ['~~.', '~.'],
    ['~x', '~x'],
    ['~/bin\r', '~/bin\r'],
    ['ls\r~.', 'ls\r<leave>'],
    ['ls\n~.', 'ls\n<leave>'],
    ['~\r~.', '~\r<leave>'],
    ['a~.', 'a~.'],
    ['~x~.', '~x~.'],
    ['ls ~.\r', 'ls ~.\r'],
  ])('%j gives %j', (typed, expected) => {
    expect(type(typed)).toBe(expected)
    expect(type(...typed)).toBe(expected)
  })
})

describe('anything else', () => {
  it('goes through byte for byte, however it comes in', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 9 })), (parts) => {
        const keys = new EscapeKeys()
        const typed = Buffer.concat(parts).map((byte) => (byte === 0x7e ? 0x7d : byte))
        const sent = parts
          .map((part) => part.map((byte) => (byte === 0x7e ? 0x7d : byte)))
          .flatMap((part) => keys.push(part))
        expect(Buffer.concat(sent as Uint8Array[]).equals(typed)).toBe(true)
      }),
    )
  })
})
