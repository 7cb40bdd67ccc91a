import type { OffsetOutput } from '@gpulab/guest'

/** Output that is kept outside the container, in memory or on disk. */
export interface OutputLog {
  readonly first: number
  readonly end: number
  /** Nothing more will come. */
  readonly isFinished: boolean
  /** Reads in order from an offset, with gaps where it is not kept any more. */
  read(offset: number): OutputReader
  /** Resolves at the next change. */
  changed(): Promise<void>
}

export interface OutputReader extends AsyncDisposable {
  /** Undefined at the present end. */
  next(): Promise<OffsetOutput | undefined>
}

/** Reads on as output comes, until the log is finished or the signal aborts, which throws. */
export async function* follow(
  log: OutputLog,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<OffsetOutput, void, void> {
  await using reader = log.read(offset)
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  for (;;) {
    signal.throwIfAborted()
    const wasFinished = log.isFinished
    // Before the look, so that no change falls in between.
    const changed = log.changed()
    const item = await reader.next()
    if (item) yield item
    else if (wasFinished) return
    else await Promise.race([changed, aborted])
  }
}

/** A promise that is made anew each time it was kept. */
export class Pulse {
  #next = Promise.withResolvers<void>()

  beat(): void {
    this.#next.resolve()
    this.#next = Promise.withResolvers()
  }

  wait(): Promise<void> {
    return this.#next.promise
  }
}
