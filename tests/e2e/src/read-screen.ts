import xterm from '@xterm/headless'
import type { Pty } from './open-pty.ts'

/** What a terminal would show now of all that was written to it. */
export async function readScreen({ screen, process: { cols, rows } }: Pty): Promise<string> {
  const terminal = new xterm.Terminal({ cols, rows, allowProposedApi: true })
  await new Promise<void>((resolve) => terminal.write(screen(), resolve))
  const { active } = terminal.buffer
  const lines = Array.from({ length: rows }, (_, row) =>
    active.getLine(active.baseY + row)?.translateToString(true),
  )
  terminal.dispose()
  return lines.join('\n')
}
