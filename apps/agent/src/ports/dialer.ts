import type { FastifyBaseLogger } from 'fastify'
import { type ChildProcess, spawn } from 'node:child_process'
import { Socket, type SocketConstructorOpts } from 'node:net'
import { createLimiter } from '../bounded.ts'
import type { ObservedContainer } from '../containers/labels.ts'
import { portClosed, tooMany } from './failures.ts'

type Dialled = Pick<ObservedContainer, 'id' | 'pid'>

/**
 * Both directions of one connection, each a descriptor of its own: to Node one that can not be written to any more can not be
 * read from either, and a service that refuses an upload says so and reads no further.
 */
export interface PortConnection {
  readonly output: Socket
  readonly input: Socket
}

/** Connects to ports of containers from outside of them. */
export interface Dialer {
  /**
   * A connection to a port of the container's own loopback address; undefined where this agent may not make one, and the
   * guest has to. Throws `port_closed` where nothing listens, `rate_limited` where there are too many.
   */
  dial(container: Dialled, port: number): Promise<PortConnection | undefined>
  close(): void
}

/** Of one container. */
const connectionsMax = 1024
/** Of one container: one whose services take none must leave room for the others. */
const dialsMax = 16
/** It gives up earlier by itself. */
const answerMs = 15_000
/** Of one that ends again and again. */
const restartMs = 1000
/** So that the kernel tells of a container that is gone. */
const keepAliveMs = 15_000

/** What Node names "net.Native": a connection that nobody reads yet. */
interface Handle {
  close(): void
}
type Answer = PortConnection | string

const isMissing = ({ code }: NodeJS.ErrnoException): boolean => code === 'ENOENT' || code === 'EACCES'

/** What is wrong with the way to the port, and not with the port. */
const isOfTheWay = (code: string): boolean => !['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT'].includes(code)

/** Of a container that has IPv4 alone. */
const hasNoSuchFamily = (code: string): boolean =>
  ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'ENETUNREACH'].includes(code)

/**
 * A program that enters networks of containers, which this one can not, and hands its connections over: `packages/guest/dialer`.
 * Whatever it can not do is left to the guest.
 */
export function createDialer(program: string, log: FastifyBaseLogger): Dialer {
  const places = new Map<string, Place>()
  const asked = new Map<string, Question>()
  let child: ChildProcess | undefined
  let nextId = 0
  let startFrom = 0
  let heardAt = 0

  const start = (): ChildProcess => {
    const started = spawn(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env: {} })
    started.on('message', (message, handle) => {
      const [id = '', code = ''] = String(message).split(' ')
      const question = asked.get(id)
      heardAt = performance.now()
      if (!question) (handle as unknown as Handle | undefined)?.close()
      else if (handle) question.take(handle as unknown as Handle)
      else question.answer(code)
    })
    const end = (): void => {
      if (child !== started) return
      child = undefined
      startFrom = Math.max(startFrom, performance.now() + restartMs)
      for (const question of asked.values()) question.answer('EPIPE')
    }
    started.on('error', (err) => {
      log.warn({ err }, 'ports are reached through the guests of their containers')
      end()
      if (isMissing(err)) startFrom = Infinity
    })
    started.once('exit', end).once('disconnect', end)
    return started
  }

  const ask = async ({ id: container, pid }: Dialled, port: number, family: 4 | 6): Promise<Answer> => {
    if (!child && performance.now() < startFrom) return 'EAGAIN'
    const id = String(nextId++ % 2 ** 32)
    const question = new Question()
    asked.set(id, question)
    const since = performance.now()
    const timer = setTimeout(() => {
      // A connection can be lost where this process has no descriptor left; one that says nothing at all hangs.
      if (heardAt < since) child?.kill('SIGKILL')
      question.answer('EPIPE')
    }, answerMs)
    try {
      child ??= start()
      // Without a channel where it could not be started.
      if (!child.connected) question.answer('EPIPE')
      else
        child.send(
          `${id} ${pid} ${family} ${port} ${container}`,
          (error) => error && question.answer('EPIPE'),
        )
      return await question.answered
    } finally {
      clearTimeout(timer)
      asked.delete(id)
    }
  }

  const connect = async (container: Dialled, port: number): Promise<PortConnection | undefined> => {
    const first = await ask(container, port, 4)
    const answer = first === 'ECONNREFUSED' ? await ask(container, port, 6) : first
    if (typeof answer !== 'string') return answer
    if (!isOfTheWay(answer) || (first === 'ECONNREFUSED' && hasNoSuchFamily(answer)))
      throw portClosed(port, new Error(answer))
    log.debug({ container: container.id, code: answer }, 'a port is left to the guest')
    return undefined
  }

  return {
    dial: async (container, port) => {
      const { id } = container
      const place = places.getOrInsertComputed(id, () => ({ inTurn: createLimiter(dialsMax), count: 0 }))
      if (place.count >= connectionsMax) throw tooMany()
      place.count++
      const hangUp = (): void => {
        if (--place.count === 0) places.delete(id)
      }
      const connection = await place
        .inTurn(() => connect(container, port))
        .catch((error: unknown) => {
          hangUp()
          throw error
        })
      if (connection) void closed(connection).then(hangUp)
      else hangUp()
      return connection
    },
    close: () => {
      startFrom = Infinity
      child?.disconnect()
    },
  }
}

/** What one container has of it. */
interface Place {
  readonly inTurn: ReturnType<typeof createLimiter>
  count: number
}

/** Answered by two handles of one connection, or by why there is none. */
class Question {
  readonly #answered = Promise.withResolvers<Answer>()
  #first: Handle | undefined
  #isAnswered = false

  get answered(): Promise<Answer> {
    return this.#answered.promise
  }

  take(handle: Handle): void {
    if (this.#isAnswered) handle.close()
    else if (this.#first) this.#settle(toConnection(this.#first, handle))
    else this.#first = handle
  }

  answer(code: string): void {
    if (this.#isAnswered) return
    this.#first?.close()
    this.#settle(code)
  }

  #settle(answer: Answer): void {
    this.#isAnswered = true
    this.#answered.resolve(answer)
  }
}

function toConnection(first: Handle, second: Handle): PortConnection {
  const open = (handle: Handle, direction: object): Socket => {
    const options = { handle, allowHalfOpen: true, ...direction } as SocketConstructorOpts
    // Whoever reads or writes it hears of errors by its end.
    return new Socket(options).on('error', () => {})
  }
  const output = open(first, { readable: true, writable: false })
  const input = open(second, { readable: false, writable: true })
  input.setNoDelay(true).setKeepAlive(true, keepAliveMs)
  return { output, input }
}

/** Resolves when nothing of it is left. */
export async function closed({ output, input }: PortConnection): Promise<void> {
  for (const socket of [output, input])
    if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}

/** Where there is no such program: everything is left to the guest. */
export const noDialer: Dialer = { dial: () => Promise.resolve(undefined), close: () => {} }
