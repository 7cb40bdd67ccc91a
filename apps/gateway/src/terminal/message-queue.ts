import type { WebSocket } from 'ws'

const queueMaxBytes = 256 << 10

/** What a client has sent and nobody has taken yet, in order; more than that holds it back. */
export class MessageQueue {
  readonly #socket: WebSocket
  readonly #messages: Buffer[] = []
  #bytes = 0
  #hasEnded = false
  #wake: (() => void) | undefined

  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data: Buffer) => {
      this.#messages.push(data)
      this.#bytes += data.length
      if (this.#bytes > queueMaxBytes) socket.pause()
      this.#wake?.()
    })
    socket.once('close', () => {
      this.#hasEnded = true
      this.#wake?.()
    })
  }

  /** Undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      const message = this.#messages.shift()
      if (message) {
        this.#bytes -= message.length
        if (this.#socket.isPaused && this.#bytes <= queueMaxBytes) this.#socket.resume()
        return message
      }
      if (this.#hasEnded) return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }
}
