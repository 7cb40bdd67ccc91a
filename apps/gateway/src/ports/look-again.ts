import type { ErrorCode } from '@gpulab/contract'
import { askAgain } from '@gpulab/http'
import type { Writable } from 'node:stream'

/** Most of these are answered by what is kept of the API's last word. */
const lookAgainMs = 5000

/** While the API or the host is away, a connection goes on. */
const cutting = new Set<ErrorCode>([
  'port_private',
  'port_not_found',
  'container_not_found',
  'origin_refused',
])

/** Cuts a connection once it would not be let in any more: it may outlive its port's mode, link or key by days. */
export function lookAgain(
  mayStay: () => Promise<unknown>,
  connection: Writable,
  everyMs = lookAgainMs,
): void {
  // It may have left while it was let in.
  if (connection.closed) return
  const stop = askAgain({
    ask: mayStay,
    isRefusal: ({ code }) => cutting.has(code),
    onRefusal: () => void connection.destroy(),
    everyMs,
  })
  connection.once('close', stop)
}
