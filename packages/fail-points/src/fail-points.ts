import { connect } from 'node:net'
import type { FailPointName, Moment, Operation } from './names.ts'

/**
 * Says that the process is at a named place and goes on when it is told to. `subject` is the uuid of the container that
 * it is about, where it is about one.
 */
export type FailPoint = (name: FailPointName, subject?: string) => Promise<void>

/** The moments of one operation: code that several operations share need not know which of them it works for. */
export type Moments = (moment: Moment, uuid: string) => Promise<void>

export const momentsOf =
  (failPoint: FailPoint, operation: Operation): Moments =>
  (moment, uuid) =>
    failPoint(`api.${operation}.${moment}`, uuid)

/** What a process tells: one line of JSON on a connection of its own. */
export interface FailPointHit {
  readonly name: FailPointName
  readonly subject: string | null
  readonly pid: number
}

/** The Unix socket of whoever coordinates a fault test. Not set: there are no fail points. */
export const failPointsVariable = 'GPULAB_FAIL_POINTS'

const done = Promise.resolve()
const goOn: FailPoint = () => done

/**
 * Named places in our programs at which a fault test can hold a process, to kill it or another one at exactly that
 * moment. Unless GPULAB_FAIL_POINTS names a Unix socket, each costs one wait for a promise that is resolved already.
 * With it, the process tells where it is and waits until the other side closes the connection; where nobody listens any
 * more it goes on.
 */
export function createFailPoints(env: NodeJS.ProcessEnv): FailPoint {
  const path = env[failPointsVariable]
  if (!path) return goOn
  return (name, subject) => tell(path, { name, subject: subject ?? null, pid: process.pid })
}

function tell(path: string, hit: FailPointHit): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = connect(path)
  socket.once('close', () => resolve()).on('error', () => {})
  socket.write(`${JSON.stringify(hit)}\n`)
  // Unread, the end of the other side would not be seen.
  socket.resume()
  return promise
}
