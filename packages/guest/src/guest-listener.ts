import { constants } from 'node:fs'
import { chmod, mkdir, open, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { GuestConnection, type GuestConnectionOptions } from './guest-connection.ts'

/** What `createGuestListener` needs. */
export interface GuestListenerOptions extends GuestConnectionOptions {
  /** Folder of this container alone, to be mounted read-only in it. Made if missing; its parent must be safe. */
  readonly directory: string
  /** A guest has introduced itself. Which listener it dialled is all that says whose it is. */
  readonly onConnection: (connection: GuestConnection) => void
  readonly maxConnections?: number
  readonly acceptsPerSecond?: number
}

/** Where one container's guest dials. */
export interface GuestListener extends AsyncDisposable {
  /** Path of the socket within the directory. */
  readonly socketName: string
  close(): Promise<void>
}

const socketName = 'agent.sock'

/**
 * Listens for the guest of one container. Connections beyond `maxConnections` are dropped; one that dials faster than
 * `acceptsPerSecond` finds the socket closed for a second. Throws where the directory is not ours alone.
 */
export async function createGuestListener(options: GuestListenerOptions): Promise<GuestListener> {
  const { directory, onConnection, maxConnections = 4, acceptsPerSecond = 20 } = options
  const folder = await openDirectory(directory)
  // Through its descriptor, since a socket's path holds at most 107 bytes.
  const path = join('/proc/self/fd', String(folder.fd), socketName)
  const sockets = new Set<Socket>()
  const bucket = createBucket(acceptsPerSecond)
  let server: Server | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  let opening: Promise<void> | undefined

  const accept = (socket: Socket): void => {
    if (!bucket.take()) pause()
    if (sockets.size >= maxConnections) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    GuestConnection.open(socket, options).then(onConnection, () => undefined)
  }
  // To refuse each of a flood of connections would cost more than the flood; the kernel does it for nothing.
  const pause = (): void => {
    server?.close()
    server = undefined
    if (isClosed) return
    timer ??= setTimeout(() => {
      timer = undefined
      opening = listen().catch(pause)
    }, 1000)
  }
  const listen = async (): Promise<void> => {
    await rm(path, { force: true })
    if (isClosed) return
    // No descriptor left, for instance, is a reason to pause as well.
    const opened = await listenOn(path, accept, pause)
    if (isClosed) return void opened.close()
    server = opened
    await chmod(path, 0o666)
  }
  const close = async (): Promise<void> => {
    isClosed = true
    clearTimeout(timer)
    pause()
    for (const socket of sockets) socket.destroy()
    await opening
    await rm(path, { force: true })
    // Last: its number may be another container's folder from now on.
    await folder.close()
  }
  try {
    await listen()
  } catch (error) {
    await folder.close()
    throw error
  }
  return { socketName, close, [Symbol.asyncDispose]: close }
}

async function openDirectory(directory: string) {
  await mkdir(directory, { recursive: true, mode: 0o711 })
  const folder = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const { uid } = await folder.stat()
    if (uid !== process.getuid?.()) throw new Error(`${directory} belongs to somebody else.`)
    await folder.chmod(0o711)
    return folder
  } catch (error) {
    await folder.close()
    throw error
  }
}

function listenOn(path: string, accept: (socket: Socket) => void, fail: () => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(accept)
    server.once('error', reject)
    server.listen({ path, backlog: 16 }, () => {
      server.off('error', reject).on('error', fail)
      resolve(server)
    })
  })
}

/** Gives so many tokens a second, and as many at once. */
function createBucket(perSecond: number) {
  let tokens = perSecond
  let filledAt = performance.now()
  return {
    take(): boolean {
      const now = performance.now()
      tokens = Math.min(perSecond, tokens + ((now - filledAt) / 1000) * perSecond)
      filledAt = now
      tokens = Math.max(tokens - 1, 0)
      return tokens > 0
    },
  }
}
