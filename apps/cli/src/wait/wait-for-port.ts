import { type Container, GpulabError } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiContext } from '../context.ts'
import { hasReached } from '../containers/has-reached.ts'
import { watchContainer } from '../containers/watch-container.ts'
import { readListeningPorts } from './listening-ports.ts'
import { waitForStatus } from './wait-for-status.ts'

const firstDelayMs = 200
const delayMaxMs = 2000
const checkSeconds = 10
const answerMs = 20_000
const outputMaxBytes = 4 << 20
/** The kernel's own list of the sockets of the container, read by the only tool that nearly every image has. */
const check = ['cat', '/proc/net/tcp', '/proc/net/tcp6']
/** Of a container that is restarting; the one who watches its status knows whether it comes back. */
const passing: readonly string[] = ['container_not_running', 'exec_outcome_unknown', 'outcome_unknown']

/** Until something in the container listens on the port, on whatever address. Ends at once when the container does. */
export async function waitForPort(
  context: ApiContext,
  container: Container,
  port: number,
): Promise<Container> {
  const running = await waitForStatus(context, container, 'running')
  const leaving = new AbortController()
  const both = { ...context, signal: AbortSignal.any([context.signal, leaving.signal]) }
  const watching = watchContainer(both, running, { isEnough: requireNotOver })
  try {
    await Promise.race([watching, pollPort(both, running, port)])
    return running
  } finally {
    leaving.abort()
    await watching.catch(() => {})
  }
}

/** A restart is none: there is nothing to wait for but a throw. */
function requireNotOver(container: Container): boolean {
  hasReached(container, 'running')
  return false
}

async function pollPort(context: ApiContext, container: Container, port: number): Promise<void> {
  const { signal } = context
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 1.5, delayMaxMs)) {
    const ports = await readPorts(context, container)
    if (ports?.has(port)) return
    await delay(delayMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

/** Undefined where it can't be told just now. */
async function readPorts(
  { api, signal }: ApiContext,
  { uuid, name }: Container,
): Promise<ReadonlySet<number> | undefined> {
  const body = { command: check, timeout: checkSeconds, max_output: outputMaxBytes }
  const result = await api.exec
    .run({ params: { uuid }, body }, { signal, timeoutMs: answerMs })
    .catch((error: unknown) => {
      signal.throwIfAborted()
      if (error instanceof GpulabError && (error.retryable || passing.includes(error.code))) return undefined
      throw error
    })
  if (!result || result.timed_out) return undefined
  // Without IPv6 there is no second file, and it ends with 1.
  const ports = readListeningPorts(result.stdout)
  if (ports || result.signal !== null) return ports
  throw new GpulabError('not_available', {
    message: `The ports of ${name} can't be seen: ${explain(result)}.`,
    hint: 'Wait for a line of its log instead, with --for "log:/ready/".',
  })
}

const explain = ({ exit_code: code, stderr }: { exit_code: number; stderr: string }): string =>
  code === 126 || code === 127
    ? 'its image has no cat to read /proc/net/tcp with'
    : `cat /proc/net/tcp ended with ${code}${stderr.trim() === '' ? '' : `, ${stderr.trim().slice(0, 200)}`}`
