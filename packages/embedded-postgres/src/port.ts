import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { databaseError, hasErrorCode } from './errors.ts'

// A process that a killed server was just forking holds its listening socket until it notices.
const patienceMs = 3000

/**
 * The port to start on: the wanted one, else the one of last time while it is free, else any free one. Somebody else
 * may take it before the server does; the caller tries again then, unless the port was wanted.
 */
export async function choosePort(
  portFile: string,
  wanted: number | undefined,
  signal: AbortSignal,
): Promise<number> {
  if (wanted) {
    const deadline = performance.now() + patienceMs
    while ((await tryListen(wanted)) === undefined) {
      if (performance.now() > deadline) {
        throw databaseError(
          `Port ${wanted} on 127.0.0.1 is taken, and the database was to listen there.`,
          'Choose another port, or leave it out to get a free one.',
        )
      }
      await wait(20, undefined, { signal })
    }
    return wanted
  }
  const kept = await readPort(portFile)
  const port = (kept === undefined ? undefined : await tryListen(kept)) ?? (await tryListen(0))
  if (port === undefined) throw databaseError('No port is free on 127.0.0.1.', 'End what holds them.')
  return port
}

export async function keepPort(portFile: string, port: number): Promise<void> {
  await writeFile(portFile, `${port}\n`)
}

async function readPort(portFile: string): Promise<number | undefined> {
  try {
    const port = Number(await readFile(portFile, 'utf8'))
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return undefined
    throw error
  }
}

async function tryListen(port: number): Promise<number | undefined> {
  // A client that was looking for the server would keep this one from closing.
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if (hasErrorCode(error, 'EADDRINUSE', 'EACCES')) return undefined
    throw error
  }
  const address = server.address()
  server.close()
  await once(server, 'close')
  return address !== null && typeof address === 'object' ? address.port : undefined
}
