import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** Writes a file that holds a new secret: 64 hexadecimal digits. Gives its path. */
export async function writeSecret(folder: string, name: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, randomBytes(32).toString('hex'), { mode: 0o600 })
  return path
}

/** Below those that the kernel gives to outgoing connections, which take the port of a program that has just died. */
const firstPort = 20_000
const lastPort = 32_000

/** A port of 127.0.0.1 that is free now, also for a program that is started there again later. */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(firstPort, lastPort)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('No port is free on 127.0.0.1.')
}
