import { GpulabError } from '@gpulab/contract'

export interface ExecTurns {
  /** A place among the container's commands, given back by disposing of it. Throws `rate_limited` when all are taken. */
  enter(container: string): Disposable
  /** Waits for a turn to start a command; the result ends the turn. */
  take(container: string, signal: AbortSignal): Promise<() => void>
}

interface ExecTurnsOptions {
  readonly perContainer?: number
  readonly queueMax?: number
}

const defaults = { perContainer: 16, queueMax: 512 }

/**
 * Starting a command is dear for the engine, so few are started at once. Containers take turns: one that asks for
 * many commands delays its own, not those of others.
 */
export function createExecTurns(startsAtOnce: number, options: ExecTurnsOptions = {}): ExecTurns {
  const { perContainer, queueMax } = { ...defaults, ...options }
  const underWay = new Map<string, number>()
  // In the order of their next turns.
  const queues = new Map<string, (() => void)[]>()
  let waiting = 0
  let free = startsAtOnce

  const serveNext = (): void => {
    const [container, queue] = queues.entries().next().value ?? []
    const begin = queue?.shift()
    if (container === undefined || !queue || !begin) return
    queues.delete(container)
    if (queue.length > 0) queues.set(container, queue)
    waiting--
    free--
    begin()
  }
  const endTurn = (): (() => void) => {
    let ended = false
    return () => {
      if (ended) return
      ended = true
      free++
      serveNext()
    }
  }
  const leave = (container: string, begin: () => void): void => {
    const queue = queues.get(container) ?? []
    const index = queue.indexOf(begin)
    if (index === -1) return
    queue.splice(index, 1)
    waiting--
    if (queue.length === 0) queues.delete(container)
  }

  return {
    enter: (container) => {
      const count = underWay.get(container) ?? 0
      if (count >= perContainer) throw tooMany()
      underWay.set(container, count + 1)
      return {
        [Symbol.dispose]: () => {
          const rest = (underWay.get(container) ?? 1) - 1
          if (rest === 0) underWay.delete(container)
          else underWay.set(container, rest)
        },
      }
    },
    take: async (container, signal) => {
      signal.throwIfAborted()
      if (free > 0) {
        free--
        return endTurn()
      }
      if (waiting >= queueMax) throw tooMany()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const queue = queues.get(container) ?? []
      queue.push(resolve)
      queues.set(container, queue)
      waiting++
      const abort = (): void => {
        leave(container, resolve)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', abort, { once: true })
      const end = endTurn()
      try {
        await promise
        return end
      } finally {
        signal.removeEventListener('abort', abort)
      }
    },
  }
}

const tooMany = (): GpulabError =>
  new GpulabError('rate_limited', {
    message: 'Too many commands are under way in this container.',
    hint: 'Wait for some of them to end.',
  })
