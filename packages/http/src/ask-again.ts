import { GpulabError } from '@gpulab/contract'

interface Question {
  /** Whether what is open may stay so. Throws what it would be told now where not. */
  readonly ask: () => Promise<unknown>
  /** While nobody can answer, it goes on. */
  readonly isRefusal: (error: GpulabError) => boolean
  readonly onRefusal: (error: GpulabError) => void
  readonly everyMs: number
}

/** Asks until it is stopped or refused: what was let in may outlive the reason for it by days. Gives what stops it. */
export function askAgain({ ask, isRefusal, onRefusal, everyMs }: Question): () => void {
  let isAsking = false
  let isStopped = false
  const look = async (): Promise<void> => {
    isAsking = true
    try {
      await ask()
    } catch (error) {
      if (isStopped || !(error instanceof GpulabError) || !isRefusal(error)) return
      stop()
      onRefusal(error)
    } finally {
      isAsking = false
    }
  }
  const timer = setInterval(() => {
    if (!isAsking) void look()
  }, everyMs).unref()
  const stop = (): void => {
    isStopped = true
    clearInterval(timer)
  }
  return stop
}
