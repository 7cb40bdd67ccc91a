import { GpulabError } from '@gpulab/contract'
import { createInterface } from 'node:readline/promises'
import type { Context } from '../context.ts'

export interface Deed {
  /** "Deleting", as the error begins that there is nobody to ask. */
  readonly what: string
  /** The flag that says yes. */
  readonly flag: string
  readonly isSure: boolean
}

/** Comes before everything else, so that a script fails the same way whatever it names. */
export function requireAsker({ output }: Pick<Context, 'output'>, { what, flag, isSure }: Deed): void {
  if (isSure || output.isInteractive) return
  throw new GpulabError('input_required', {
    message: `${what} needs a confirmation, and there is no terminal to ask on.`,
    hint: `Add ${flag} to do it without being asked.`,
  })
}

/** Only a plain yes is one. */
export async function requireYes(
  { signal }: Pick<Context, 'signal'>,
  { isSure }: Pick<Deed, 'isSure'>,
  { question, refused }: { question: string; refused: string },
): Promise<void> {
  if (isSure || /^y(es)?$/i.test((await ask(`${question} [y/N] `, signal)) ?? '')) return
  throw new GpulabError('interrupted', { message: refused })
}

/** What is typed, or undefined at Ctrl-D. The caller has made sure that there is a terminal. */
export async function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return (await lines.question(question, { signal })).trim()
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && error.name === 'AbortError') return undefined
    throw error
  } finally {
    lines.close()
  }
}
