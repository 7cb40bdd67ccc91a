import {
  type AttachQuery,
  type Channel,
  type Frame,
  GpulabError,
  parseControl,
  toControlFrame,
} from '@gpulab/contract'
import { passFrames } from '@gpulab/transport'
import type { Principal } from '../auth/authenticate.ts'
import type { Deps } from '../deps.ts'
import { hostOf, type SessionParams } from './service.ts'

export interface Client {
  readonly open: () => Promise<Channel>
  readonly signal: AbortSignal
}

const connectMs = 15_000

/** Lets a client have the session. It goes on when either side ends. */
export async function attachToSession(
  deps: Pick<Deps, 'audit' | 'db' | 'clock' | 'uplinks' | 'log'>,
  principal: Principal,
  params: SessionParams,
  { offset, acks }: AttachQuery,
  { open, signal }: Client,
): Promise<void> {
  const client = await hostOf(deps, principal, params.uuid)
  const query = { offset, acks: acks ? ('true' as const) : ('false' as const) }
  const host = await client.sessions.attach({ params, query }, { signal, timeoutMs: connectMs })
  await serveClient(host, { open, signal })
}

/** Passes frames between a client and the host, of which little is held here. */
export async function serveClient(host: Channel, { open, signal }: Client): Promise<void> {
  try {
    const channel = await open()
    const leaving = passFrames(channel, host)
    // The host has nothing more to say to a client that has left.
    leaving.finally(() => host.destroy()).catch(() => {})
    await passBack(host, channel, signal)
  } finally {
    host.destroy()
  }
}

/**
 * What ends without the session's own last word was cut, which the client is told. One whose last frame is half there hears
 * nothing, and finds the same.
 */
async function passBack(from: Channel, to: Channel, signal: AbortSignal): Promise<void> {
  let last: Frame | undefined
  try {
    await passFrames(from, to, (frame) => (last = frame))
  } catch (error) {
    if (signal.aborted) return
    if (!(error instanceof Error)) throw error
  }
  if (signal.aborted || (last && isLastWord(last))) return
  const { code, message, retryable } = new GpulabError('session_interrupted', {
    message: 'The connection to the host was lost. The session goes on.',
  })
  // A client that has left hears nothing.
  await to.send(toControlFrame({ type: 'error', code, message, retryable })).catch(() => {})
}

function isLastWord(frame: Frame): boolean {
  try {
    return ['exit', 'error'].includes(parseControl(frame).type)
  } catch {
    return false
  }
}
