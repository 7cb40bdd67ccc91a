import { randomBytes } from 'node:crypto'
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

/** A port of 127.0.0.1 that is free now; for programs that cannot be given 0. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('No port is free on 127.0.0.1.')
  return address.port
}
