import type { Streams } from '../output/output.ts'
import { isTerminal } from '../terminal/is-terminal.ts'

const fs = process.getBuiltinModule('node:fs')
const fullMs = 5

/** The standard streams without the objects that the runtime makes of them, which takes longer than a request. */
export const descriptors: Streams = {
  stdin: {
    get isTTY() {
      return isTerminal(0)
    },
  },
  stdout: {
    get isTTY() {
      return isTerminal(1)
    },
    write: (text) => write(1, text, () => process.exit(0)),
  },
  stderr: {
    get isTTY() {
      return isTerminal(2)
    },
    write: (text) => write(2, text, () => {}),
  },
}

/** A reader that has seen enough (`| head`) is no failure; one that wants no messages changes nothing. */
function write(fd: number, text: string, onGone: () => void): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length;) {
    try {
      at += fs.writeSync(fd, bytes, at)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return onGone()
      // Somebody else has made it non-blocking, and it is full.
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullMs)
    }
  }
}
