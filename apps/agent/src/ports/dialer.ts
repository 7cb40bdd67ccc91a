import type { FastifyBaseLogger } from 'fastify'
import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import type { ObservedContainer } from '../containers/labels.ts'
import { portClosed, tooMany } from './failures.ts'

type Dialled = Pick<ObservedContainer, 'id' | 'pid'>

/** Connects to ports of containers from outside of them. */
export interface Dialer {
  /**
   * A connection to a port of the container's own loopback address; undefined where this agent may not make one, and the
   * guest has to. Throws `port_closed` where nothing listens, `rate_limited` where there are too many.
   */
  dial(container: Dialled, port: number): Promise<Socket | undefined>
  close(): void
}

/** Of one container. */
const connectionsMax = 1024
/** It gives up earlier by itself. */
const answerMs = 15_000
/** Of one that ends again and again. */
const restartMs = 1000

const isMissing = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOENT' || code === 'EACCES'

/** What is wrong with the way to the port, and not with the port. */
const isOfTheWay = (code: string): boolean => !['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'].includes(code)

/**
 * A program that enters networks of containers, which this one can not, and hands its connections over: `packages/guest/dialer`.
 * Whatever it can not do is left to the guest.
 */
export function createDialer(program: string, log: FastifyBaseLogger): Dialer {
  const open = new Map<string, number>()
  const waiting = new Map<string, (answer: Socket | string) => void>()
  let child: ChildProcess | undefined
  let nextId = 0
  let startFrom = 0

  const start = (): ChildProcess => {
    const started = spawn(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    started.on('message', (message, handle) => {
      const [id = '', code = ''] = String(message).split(' ')
      const answer = waiting.get(id)
      if (answer) answer((handle as Socket | undefined) ?? code)
      else (handle as Socket | undefined)?.destroy()
    })
    const end = (): void => {
      if (child !== started) return
      child = undefined
      startFrom = performance.now() + restartMs
      for (const answer of waiting.values()) answer('EPIPE')
    }
    started.once('error', (err) => {
      log.warn({ err }, 'ports are reached through the guests of their containers')
      end()
      if (isMissing(err)) startFrom = Infinity
    })
    started.once('exit', end).once('disconnect', end)
    return started
  }

  const ask = async (
    { id: container, pid }: Dialled,
    port: number,
    family: 4 | 6,
  ): Promise<Socket | string> => {
    if (!child && performance.now() < startFrom) return 'EAGAIN'
    const { promise, resolve } = Promise.withResolvers<Socket | string>()
    const id = String(nextId++ % 2 ** 32)
    waiting.set(id, resolve)
    child ??= start()
    const asked = child
    const timer = setTimeout(() => asked.kill('SIGKILL'), answerMs)
    // Without a channel where it could not be started.
    if (asked.connected)
      asked.send(`${id} ${pid} ${family} ${port} ${container}`, (error) => {
        if (error) resolve('EPIPE')
      })
    else resolve('EPIPE')
    return promise.finally(() => {
      clearTimeout(timer)
      waiting.delete(id)
    })
  }

  const connect = async (container: Dialled, port: number): Promise<Socket | undefined> => {
    const first = await ask(container, port, 4)
    const answer = first === 'ECONNREFUSED' ? await ask(container, port, 6) : first
    if (typeof answer !== 'string') return answer
    if (first === answer && isOfTheWay(answer)) {
      log.debug({ container: container.id, code: answer }, 'a port is left to the guest')
      return undefined
    }
    throw portClosed(port, new Error(answer))
  }

  return {
    dial: async (container, port) => {
      const { id } = container
      const count = open.get(id) ?? 0
      if (count >= connectionsMax) throw tooMany()
      const hangUp = (): void => {
        const left = (open.get(id) ?? 1) - 1
        if (left > 0) open.set(id, left)
        else open.delete(id)
      }
      open.set(id, count + 1)
      const connection = await connect(container, port).catch((error: unknown) => {
        hangUp()
        throw error
      })
      if (!connection) hangUp()
      return connection && prepare(connection).once('close', hangUp)
    },
    close: () => child?.disconnect(),
  }
}

function prepare(connection: Socket): Socket {
  connection.allowHalfOpen = true
  // Whoever reads it hears of errors by its end.
  return connection.setNoDelay(true).on('error', () => {})
}

/** Where there is no such program: everything is left to the guest. */
export const noDialer: Dialer = { dial: () => Promise.resolve(undefined), close: () => {} }
