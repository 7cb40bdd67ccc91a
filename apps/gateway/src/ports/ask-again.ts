import { GpulabError } from '@gpulab/contract'
import type { Writable } from 'node:stream'
import type { Ask } from './enter-port.ts'

/** Most of these are answered by what is kept of the API's last word. */
const askAgainMs = 5000

/** Cuts a connection once what has let it in does not any more: it may outlive its link or key by days. */
export function askAgain(ask: Ask | undefined, connection: Writable, everyMs = askAgainMs): void {
  if (!ask) return
  const look = (): Promise<unknown> =>
    ask().catch((error: unknown) => {
      // While the API is away it goes on.
      if (error instanceof GpulabError && error.code === 'port_private') connection.destroy()
    })
  const timer = setInterval(() => void look(), everyMs).unref()
  connection.once('close', () => clearInterval(timer))
}
