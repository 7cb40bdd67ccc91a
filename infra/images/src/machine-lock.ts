import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Holds a lock that is common to all processes of this network namespace, and that the kernel frees when
 * its holder dies: an abstract Unix socket. Throws after `timeoutMs`.
 */
export async function holdMachineLock(name: string, timeoutMs: number): Promise<AsyncDisposable> {
  // Hashed, because a socket's name holds at most 107 bytes.
  const path = `\0gpulab-${createHash('sha256').update(name).digest('hex')}`
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const server = createServer()
    const held = await new Promise<boolean>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      )
      server.listen(path, () => resolve(true))
    })
    if (held) return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) }
    if (performance.now() >= deadline) {
      throw new Error(
        `Another process has been busy with the ${name} for ${timeoutMs / 1000} seconds; try again later.`,
      )
    }
    await delay(50)
  }
}
