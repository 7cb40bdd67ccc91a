import type { Socket } from 'node:net'

/** One direction of a connection through a proxy, with what is wrong with it. */
export interface Flow {
  delay(ms: number): void
  /** Ends both directions once so many more bytes have arrived. */
  cutAfter(bytes: number): void
  /** Keeps everything back, the end too. */
  stall(): void
  /** Does so once so many more bytes have arrived. */
  stallAfter(bytes: number): void
  /** Loses everything from now on. */
  swallow(): void
  /** Loses everything for good, and passes no end on either. */
  deafen(): void
  /** Delivers what was kept back, and goes on; unless something was lost, which no healing brings back. */
  heal(): void
}

type What = Buffer | 'end' | 'reset'
type Mode = 'pass' | 'stall' | 'swallow' | 'deaf'

interface Waiting {
  readonly at: number
  readonly what: What
}

/** What may wait in a flow before its source is no longer read. */
const waitingMaxBytes = 1 << 20

/**
 * Carries bytes, and how they end, from `source` to `sink`. All wait in one queue, so their order is kept whatever is
 * set when. `cut` ends both directions.
 */
export function pipeFlow(source: Socket, sink: Socket, cut: () => void): Flow {
  const queue: Waiting[] = []
  let mode: Mode = 'pass'
  let isLossy = false
  let delayMs = 0
  let leftBytes = Infinity
  let untilStallBytes = Infinity
  let waitingBytes = 0
  let timer: NodeJS.Timeout | undefined

  const deliver = (what: What): void => {
    if (what === 'reset') return cut()
    if (what === 'end') return void sink.end()
    const part = what.subarray(0, leftBytes)
    leftBytes -= part.length
    // A reset would overtake what has not been written yet.
    sink.write(part, () => leftBytes === 0 && cut())
  }
  const isOpen = (): boolean =>
    mode === 'pass' && !sink.destroyed && !sink.writableNeedDrain && leftBytes > 0 && untilStallBytes > 0
  /** As much of it as may be delivered. */
  const shift = ({ at, what }: Waiting): What => {
    queue.shift()
    if (typeof what === 'string') return what
    const part = what.subarray(0, untilStallBytes)
    if (part.length < what.length) queue.unshift({ at, what: what.subarray(part.length) })
    waitingBytes -= part.length
    untilStallBytes -= part.length
    return part
  }
  const drain = (): void => {
    clearTimeout(timer)
    while (isOpen()) {
      const [next] = queue
      if (!next) return void source.resume()
      const restMs = next.at - performance.now()
      if (restMs > 0) {
        timer = setTimeout(drain, restMs)
        return
      }
      deliver(shift(next))
    }
  }
  const take = (what: What): void => {
    if (mode === 'swallow' || mode === 'deaf') {
      isLossy = true
      return
    }
    queue.push({ at: performance.now() + delayMs, what })
    if (typeof what !== 'string') waitingBytes += what.length
    drain()
    if (waitingBytes > waitingMaxBytes) source.pause()
  }
  const lose = (next: Mode): void => {
    isLossy ||= queue.length > 0
    queue.length = 0
    waitingBytes = 0
    mode = next
    source.resume()
  }

  source.on('data', take)
  source.once('end', () => take('end')).once('error', () => take('reset'))
  sink.on('drain', drain).once('close', () => clearTimeout(timer))
  return {
    delay: (ms) => {
      delayMs = ms
    },
    cutAfter: (bytes) => {
      leftBytes = bytes
      if (bytes === 0) cut()
    },
    stall: () => {
      if (mode === 'pass') mode = 'stall'
    },
    stallAfter: (bytes) => {
      untilStallBytes = bytes
    },
    swallow: () => {
      if (mode !== 'deaf') lose('swallow')
    },
    deafen: () => lose('deaf'),
    heal: () => {
      delayMs = 0
      leftBytes = Infinity
      untilStallBytes = Infinity
      mode = isLossy || mode === 'deaf' ? 'deaf' : 'pass'
      drain()
    },
  }
}
