import { readFile } from 'node:fs/promises'
import { ConfigError } from '../config.ts'

const tokenMaxBytes = 4096

/** The join token of a file. */
export async function readTokenFile(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new ConfigError(`The join token cannot be read: ${cause.message}`, { cause })
  })
  return toToken(text, path)
}

/** The join token of a stream: its first line. */
export async function readTokenStream(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += chunk.toString()
    // Nobody at a terminal should have to end the input.
    if (text.trimStart().includes('\n') || text.length > tokenMaxBytes) break
  }
  return toToken(text.trim().split('\n')[0] ?? '', 'standard input')
}

function toToken(text: string, where: string): string {
  const token = text.trim()
  if (token === '') throw new ConfigError(`There is no join token in ${where}`)
  if (!/^\S{1,200}$/.test(token)) throw new ConfigError(`What is in ${where} is no join token`)
  return token
}
