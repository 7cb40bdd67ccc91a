import type { Readable, Writable } from 'node:stream'

/** A client that takes nothing for so long, although there is something for it, is given up. */
const stuckMs = 120_000

/** Passes on what comes, as fast as it is taken, and the end. Neither side is destroyed; `onStuck` may do so. */
export function carry(from: Readable, to: Writable, onStuck: () => void): void {
  let timer: NodeJS.Timeout | undefined
  from.on('data', (chunk: Buffer) => {
    if (to.write(chunk) || to.destroyed) return
    from.pause()
    timer ??= setTimeout(onStuck, stuckMs)
  })
  to.on('drain', () => {
    clearTimeout(timer)
    timer = undefined
    from.resume()
  })
  to.once('close', () => clearTimeout(timer))
  from.once('end', () => to.end())
}
