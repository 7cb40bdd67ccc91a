import { createInterface } from 'node:readline/promises'

/** Only a plain yes is one. The caller has made sure that there is a terminal. */
export async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return /^y(es)?$/i.test((await lines.question(question, { signal })).trim())
  } catch (error) {
    signal.throwIfAborted()
    // Ctrl-D: the end of all answers.
    if (error instanceof Error && error.name === 'AbortError') return false
    throw error
  } finally {
    lines.close()
  }
}
