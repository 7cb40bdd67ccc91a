import { GpulabError } from '@gpulab/contract'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** What is asked for, and what to say where nothing comes. */
export interface Secret {
  readonly noun: string
  readonly hint: string
}

/** What a pipe brings, without the line break that `echo` adds. */
export async function readStdin(secret: Secret): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk
  return requireText(text.trim(), secret)
}

/** Asks on the terminal without showing what is typed. */
export async function askSecret(question: string, secret: Secret, signal: AbortSignal): Promise<string> {
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: unseen, terminal: true })
  // Not before the terminal has stopped to show what is typed.
  process.stderr.write(question)
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  lines.once('line', resolve)
  // In raw mode Ctrl-C is a key and no signal; Ctrl-D closes.
  lines.once('SIGINT', () => reject(new GpulabError('interrupted')))
  lines.once('close', () => reject(new GpulabError('interrupted')))
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  try {
    return requireText((await promise).trim(), secret)
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

function requireText(text: string, { noun, hint }: Secret): string {
  if (text !== '') return text
  throw new GpulabError('input_required', { message: `The ${noun} is empty.`, hint })
}
