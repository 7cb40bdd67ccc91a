import { type Frame, toFrame } from './frame.ts'
import { write } from './write.ts'

export interface Screen {
  /** Shows the lines in place of those before, or below them where the output is no terminal. */
  show(lines: readonly string[]): Promise<void>
}

export function createScreen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Screen {
  let before: Frame | undefined
  let hasShown = false
  return {
    show: async (lines) => {
      if (!stream.isTTY || env['TERM'] === 'dumb') {
        await write(stream, `${hasShown ? '\n' : ''}${lines.join('\n')}\n`)
        hasShown = true
        return
      }
      // A terminal that does not tell its size has none.
      before = toFrame(lines, before, { columns: stream.columns || 80, rows: stream.rows || 24 })
      await write(stream, before.text)
    },
  }
}
