import type { WebSocket } from 'ws'

const queueMaxBytes = 256 << 10
/** What keeping a message costs beside its bytes: a client may send millions of empty ones. */
const messageBytes = 256

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
      // While it is being closed messages still come, and nobody takes them.
      if (socket.readyState !== socket.OPEN) return
      this.#messages.push(data)
      this.#bytes += data.length + messageBytes
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
        this.#bytes -= message.length + messageBytes
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
