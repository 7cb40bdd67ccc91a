import { type FailPointHit, type FailPointName } from '@gpulab/fail-points'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** A fail point at which the next process that fits shall wait. */
export interface Hold {
  readonly name: FailPointName
  /** Resolves when a process waits there; rejects when none came in time. */
  readonly reached: Promise<FailPointHit>
  /** Lets the process go on, or takes the hold back if nobody has come. */
  release(): void
}

export interface Coordinator extends AsyncDisposable {
  /** The socket for GPULAB_FAIL_POINTS. */
  readonly path: string
  hold(name: FailPointName, fits?: (subject: string | null) => boolean): Hold
  /** How often each point was passed, held or not. */
  readonly passed: ReadonlyMap<FailPointName, number>
}

interface Armed {
  readonly name: FailPointName
  readonly fits: (subject: string | null) => boolean
  take(hit: FailPointHit, socket: Socket): void
}

const reachMs = 30_000

/** Listens to the fail points of all processes of a system; those that nobody waits for pass at once. */
export async function startCoordinator(path: string): Promise<Coordinator> {
  const armed = new Set<Armed>()
  const sockets = new Set<Socket>()
  const passed = new Map<FailPointName, number>()

  const answer = async (socket: Socket): Promise<void> => {
    const [line] = (await once(createInterface(socket), 'line')) as [string]
    const hit = JSON.parse(line) as FailPointHit
    passed.set(hit.name, (passed.get(hit.name) ?? 0) + 1)
    const hold = [...armed].find(({ name, fits }) => name === hit.name && fits(hit.subject))
    if (!hold) return void socket.end()
    armed.delete(hold)
    hold.take(hit, socket)
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    // A killed process resets its connection.
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    answer(socket).catch(() => socket.destroy())
  }).listen(path)
  await once(server, 'listening')

  return {
    path,
    passed,
    hold: (name, fits = () => true) => {
      const { promise, resolve, reject } = Promise.withResolvers<FailPointHit>()
      let held: Socket | undefined
      const timer = setTimeout(() => {
        armed.delete(hold)
        reject(new Error(`No process came to ${name} within ${reachMs / 1000} s.`))
      }, reachMs)
      const hold: Armed = {
        name,
        fits,
        take: (hit, socket) => {
          clearTimeout(timer)
          held = socket
          resolve(hit)
        },
      }
      armed.add(hold)
      return {
        name,
        reached: promise,
        release: () => {
          clearTimeout(timer)
          armed.delete(hold)
          held?.end()
        },
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
