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
  const look = (): Promise<unknown> =>
    ask().catch((error: unknown) => {
      if (!(error instanceof GpulabError) || !isRefusal(error)) return
      stop()
      onRefusal(error)
    })
  const timer = setInterval(() => void look(), everyMs).unref()
  const stop = (): void => clearInterval(timer)
  return stop
}
