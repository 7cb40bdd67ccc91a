import { GpulabError } from '@gpulab/contract'

/** The bytes of a file. What is no base64 would be decoded to something else without a word. */
export function decodeContent(content: string, encoding: 'utf-8' | 'base64'): Buffer {
  if (encoding === 'utf-8') return Buffer.from(content)
  const letters = content.replaceAll(/\s/g, '')
  const digits = letters.replace(/={1,2}$/, '')
  if (!/^[\w+/-]*$/.test(digits) || digits.length % 4 === 1) {
    throw new GpulabError('invalid_request', {
      message: 'content: is not base64.',
      hint: 'Send text with the encoding utf-8.',
    })
  }
  return Buffer.from(digits, 'base64')
}
