/** Lets through whoever waits for a change, once. Opened while nobody waits, it is open for the next one who does. */
export class Latch {
  #next = Promise.withResolvers<void>()

  open(): void {
    this.#next.resolve()
  }

  async wait(): Promise<void> {
    await this.#next.promise
    this.#next = Promise.withResolvers()
  }
}
