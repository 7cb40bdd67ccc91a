import type { WebSocket } from 'ws'

/** Servers ping every 15 s. */
const silenceMaxMs = 40_000

/** Ends a socket whose server has vanished without a word. One that is paused hears nothing, whoever is there. */
export function endSilent(socket: WebSocket, maxMs = silenceMaxMs): void {
  let heardMs = performance.now()
  const hear = (): void => {
    heardMs = performance.now()
  }
  socket.on('ping', hear).on('message', hear)
  const timer = setInterval(() => {
    if (socket.isPaused) hear()
    else if (performance.now() - heardMs > maxMs) socket.terminate()
  }, maxMs / 8)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}
