import { expect, it } from 'vitest'
import { createCapture } from './capture.ts'

const capture = (maxBytes: number, bytes: Uint8Array) => {
  const captured = createCapture(maxBytes)
  captured.add(bytes)
  const { text, encoding, truncated } = captured.result()
  return [text, encoding, truncated]
}

it.each([
  ['\uFEFFall of it: äöü€', 100, '\uFEFFall of it: äöü€', 'utf-8', false],
  ['ä€', 5, 'ä€', 'utf-8', false],
  ['ä€', 4, 'ä', 'utf-8', true],
  ['ä€', 1, '', 'utf-8', true],
  ['', 0, '', 'utf-8', false],
])('%j cut at %i bytes is text', (text, maxBytes, kept, encoding, isTruncated) => {
  expect(capture(maxBytes, Buffer.from(text))).toEqual([kept, encoding, isTruncated])
})

it.each([
  ['half a character that nothing has cut', [0xe2, 0x82], 2, false],
  ['no text, cut', [0xff, 0x41, 0x42], 2, true],
])('%s is binary', (_what, bytes, maxBytes, isTruncated) => {
  const kept = Buffer.from(bytes.slice(0, maxBytes)).toString('base64')
  expect(capture(maxBytes, Uint8Array.from(bytes))).toEqual([kept, 'base64', isTruncated])
})
