import { writeSync } from 'node:fs'
import type { Sink } from '../sessions/session-client.ts'
import { openStdout } from '../sessions/standard-streams.ts'
import { ScreenModes } from './screen-modes.ts'
import type { Watchdog } from './watchdog.ts'

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** The terminal of this process while it belongs to a program elsewhere. Disposing of it gives it back as it was. */
export interface Terminal extends AsyncDisposable {
  /** Of a program: what it does to the screen is undone in the end. */
  readonly output: Sink
  /** A line of ours, in the middle of whatever is there. */
  say(text: string): Promise<void>
  /** What is written next, by us or a shell, begins a line. */
  endLine(): Promise<void>
  /** Resets what a program whose output has gaps may have left. */
  resetAttributes(): Promise<void>
  onResize(listener: (size: Size) => void): void
}

/** A terminal that does not tell its size has none. */
export const terminalSize = (): Size => ({
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
})

/** `isRaw`: keys go to the program as they are typed, Ctrl-C too. */
export async function openTerminal(watchdog: Watchdog, { isRaw }: { isRaw: boolean }): Promise<Terminal> {
  const { stdin, stdout } = process
  const write = openStdout()
  const modes = new ScreenModes()
  let told = modes.reset
  let isOpen = true

  const giveBack = (): void => {
    if (!isOpen) return
    isOpen = false
    if (isRaw) stdin.setRawMode(false)
    watchdog.dismiss()
  }
  /** For every way out that does not come by `dispose`. */
  const giveBackAtOnce = (): void => {
    if (!isOpen) return
    giveBack()
    try {
      writeSync(1, modes.reset)
    } catch {
      // The terminal is gone.
    }
  }
  const takeAgain = (): void => {
    // Another program had it while this one was stopped.
    if (isRaw) {
      stdin.setRawMode(false).setRawMode(true)
      void watchdog.makeRaw()
    }
    stdout.emit('resize')
  }
  process.once('exit', giveBackAtOnce)
  process.on('SIGCONT', takeAgain)
  if (isRaw) {
    stdin.setRawMode(true)
    await watchdog.makeRaw()
  }
  watchdog.noteReset(told)

  return {
    output: (bytes) => {
      modes.push(bytes)
      const { reset } = modes
      if (reset !== told) watchdog.noteReset(reset)
      told = reset
      return write(bytes)
    },
    say: (text) => write(Buffer.from(`\r\n${text.replaceAll('\n', '\r\n')}\r\n`)),
    endLine: () => write(Buffer.from('\r\n')),
    resetAttributes: () => write(Buffer.from('\u001b[0m\u001b(B')),
    onResize: (listener) => void stdout.on('resize', () => listener(terminalSize())),
    [Symbol.asyncDispose]: async () => {
      process.off('exit', giveBackAtOnce)
      process.off('SIGCONT', takeAgain)
      stdout.removeAllListeners('resize')
      // A terminal that is gone can't be written to.
      await write(Buffer.from(modes.reset)).catch(() => {})
      giveBack()
      if (isRaw) stdin.destroy()
    },
  }
}
