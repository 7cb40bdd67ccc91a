import type { Socket } from 'node:net'

/** So long a connection is waited for. */
const waitMs = 30_000

/** Connections that the agent has handed over, each by the name that the call which wants it has given. */
export interface Connections {
  /** Undefined where it had ended. */
  offer(id: string, socket: Socket | undefined): void
  /** That of a call; once it is over, it is closed here, which does not end it: the agent has the same connection. */
  take(id: string): Promise<Socket>
  /** The call is over, whether or not it has come or will come yet. */
  drop(id: string): void
}

export function createConnections(): Connections {
  const meetings = new Map<string, PromiseWithResolvers<Socket>>()
  const meet = (id: string): PromiseWithResolvers<Socket> =>
    meetings.getOrInsertComputed(id, () => {
      const meeting = Promise.withResolvers<Socket>()
      const late = setTimeout(() => meeting.reject(new Error('A connection was not handed over.')), waitMs)
      meeting.promise.then(
        () => clearTimeout(late),
        () => meetings.delete(id),
      )
      return meeting
    })
  return {
    offer: (id, socket) => {
      const { resolve, reject } = meet(id)
      if (!socket) reject(new Error('The connection had ended.'))
      else resolve(socket.on('error', () => {}))
    },
    take: (id) => meet(id).promise,
    drop: (id) => {
      meet(id)
        .promise.then((socket) => socket.destroy())
        .catch(() => {})
        .finally(() => meetings.delete(id))
    },
  }
}
