import { writeSync } from 'node:fs'
import type { Sink } from '../sessions/session-client.ts'
import { openStdout } from '../sessions/standard-streams.ts'
import { ScreenModes } from './screen-modes.ts'
import type { Size, TerminalDevice } from './terminal-device.ts'

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
  size(): Size
  onResize(listener: (size: Size) => void): void
  /** What is typed. */
  keys(): AsyncIterable<Uint8Array>
}

/** `isRaw`: keys go to the program as they are typed, Ctrl-C too. */
export async function openTerminal(device: TerminalDevice, { isRaw }: { isRaw: boolean }): Promise<Terminal> {
  const write = openStdout()
  const modes = new ScreenModes()
  let told = modes.reset

  /** For every way out that does not come by `dispose`. */
  const giveBackAtOnce = (): void => {
    device.giveBack()
    try {
      writeSync(1, modes.reset)
    } catch {
      // The terminal is gone.
    }
  }
  process.once('exit', giveBackAtOnce)
  process.on('SIGCONT', device.takeAgain)
  await device.take({ isRaw })
  device.noteReset(told)

  return {
    output: (bytes) => {
      modes.push(bytes)
      const { reset } = modes
      if (reset !== told) device.noteReset(reset)
      told = reset
      return write(bytes)
    },
    say: (text) => write(Buffer.from(`\r\n${text.replaceAll('\n', '\r\n')}\r\n`)),
    endLine: () => write(Buffer.from('\r\n')),
    resetAttributes: () => write(Buffer.from('\u001b[0m\u001b(B')),
    size: device.size,
    onResize: (listener) => device.onResize(() => listener(device.size())),
    keys: device.keys,
    [Symbol.asyncDispose]: async () => {
      process.off('SIGCONT', device.takeAgain)
      device.close()
      // A terminal that is gone can't be written to.
      await write(Buffer.from(modes.reset)).catch(() => {})
      device.giveBack()
      process.off('exit', giveBackAtOnce)
    },
  }
}
