import { GpulabError, type SessionSignal } from '@gpulab/contract'
import { Ended } from './leaving.ts'

const endings = ['SIGTERM', 'SIGHUP'] as const

/** What signals to this process mean for the session that it follows. */
export class Interruption implements Disposable {
  readonly #leaving = new AbortController()
  #send: ((signal: SessionSignal) => void) | undefined
  #isLeaving = false

  constructor() {
    process.on('SIGINT', this.#interrupt)
    for (const signal of endings) process.on(signal, this.#end)
  }

  /** Aborts when the session is to be left. */
  get signal(): AbortSignal {
    return this.#leaving.signal
  }

  /** The first Ctrl-C is for the program, once there is one. */
  forwardTo(send: (signal: SessionSignal) => void): void {
    this.#send = send
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#interrupt)
    for (const signal of endings) process.off(signal, this.#end)
  }

  readonly #interrupt = (): void => {
    if (this.#send) {
      this.#send('SIGINT')
      this.#send = undefined
    } else if (!this.#isLeaving) this.#leave(new GpulabError('interrupted'))
    // Whatever is being done about it takes too long for somebody.
    else process.exit(130)
  }

  readonly #end = (signal: NodeJS.Signals): void => {
    this.#leave(new Ended(signal))
  }

  #leave(reason: Error): void {
    this.#isLeaving = true
    this.#leaving.abort(reason)
  }
}
