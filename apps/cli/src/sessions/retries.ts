const firstDelayMs = 50
const delayMaxMs = 3000

/** When to try again, and when to give up: so long after something last came from the other side. */
export class Retries {
  readonly #giveUpMs: number
  readonly #now: () => number
  #failures = 0
  #wellMs: number

  /** In a row. */
  get failures(): number {
    return this.#failures
  }

  constructor(giveUpMs: number, now: () => number) {
    this.#giveUpMs = giveUpMs
    this.#now = now
    this.#wellMs = now()
  }

  succeeded(): void {
    this.#failures = 0
    this.#wellMs = this.#now()
  }

  /** How long to wait before the next try; undefined when it is too late for one. */
  failed(): number | undefined {
    if (this.#now() - this.#wellMs >= this.#giveUpMs) return undefined
    return Math.min(delayMaxMs, firstDelayMs * 2 ** Math.min(this.#failures++, 16))
  }
}
