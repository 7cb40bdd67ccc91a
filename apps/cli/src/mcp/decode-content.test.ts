import { describe, expect, it } from 'vitest'
import { decodeContent } from './decode-content.ts'

describe('the content of a file that an agent writes', () => {
  it.each([
    ['text', 'utf-8', 'text'],
    ['aGV5', 'base64', 'hey'],
    ['aGV5IQ==', 'base64', 'hey!'],
    ['aGV5\nIQ', 'base64', 'hey!'],
    ['', 'base64', ''],
  ] as const)('%j as %s is %j', (content, encoding, text) => {
    expect(decodeContent(content, encoding).toString()).toBe(text)
  })

  it.each(['hey there!', 'aGV5I', 'a=GV5', '==='])('is not guessed from %j', (content) => {
    expect(() => decodeContent(content, 'base64')).toThrow('content: is not base64.')
  })
})
