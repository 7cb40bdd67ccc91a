/** Wakes whoever waits for a change. A beat that nobody waits for is kept for the next one who does. */
export class Pulse {
  #next = Promise.withResolvers<void>()

  beat(): void {
    this.#next.resolve()
  }

  async wait(): Promise<void> {
    await this.#next.promise
    this.#next = Promise.withResolvers()
  }
}
