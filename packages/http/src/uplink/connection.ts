import type { Http2Session } from 'node:http2'
import type { Duplex } from 'node:stream'

/** What a peer may send before we read: of one stream, and of all. */
const streamWindowBytes = 1 << 20
const windowBytes = 8 << 20
/** Of a frame of HTTP/2; with the default of 16 KiB both ends spend more time on the same bytes. */
const maxFrameSize = 256 << 10
const pingMs = 10_000
const pongsMissedMax = 2

/** Of both ends of an uplink. */
export const sessionOptions = {
  /** MiB; the default of 10 kills a session that has 150 unread streams. */
  maxSessionMemory: 512,
  settings: { initialWindowSize: streamWindowBytes, maxFrameSize, enablePush: false },
} as const

/** An HTTP/2 session goes on waiting on a connection that its peer has ended. */
export function closeAtEnd(socket: Duplex): void {
  socket.once('end', () => socket.destroy())
}

/** Makes room for many streams, and sees to it that a dead peer is noticed. */
export function tend(session: Http2Session): void {
  session.on('error', () => session.destroy())
  // Each of its lanes ends with it.
  session.setMaxListeners(0)
  keepAlive(session)
  if (session.connecting) session.once('connect', () => session.setLocalWindowSize(windowBytes))
  else session.setLocalWindowSize(windowBytes)
}

/** HTTP/2 alone notices a dead peer too late; both ends ask. */
function keepAlive(session: Http2Session): void {
  let missed = 0
  const timer = setInterval(() => {
    if (session.destroyed) return
    if (++missed > pongsMissedMax) {
      session.destroy(new Error('the peer does not answer'))
      return
    }
    session.ping((error) => {
      if (!error) missed = 0
    })
  }, pingMs)
  session.once('close', () => clearInterval(timer))
}

/** Says yes to an upgrade, and gives back what came too early. */
export async function switchProtocol(socket: Duplex, head: Buffer, protocol: string): Promise<void> {
  const answer = `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n\r\n`
  // To its end: with TLS that takes a moment, and Node aborts where HTTP/2 takes over in the middle of a write.
  await new Promise<void>((resolve, reject) => {
    socket.write(answer, (error) => (error ? reject(error) : resolve()))
  })
  if (head.length > 0) socket.unshift(head)
}
