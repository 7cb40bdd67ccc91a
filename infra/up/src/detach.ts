import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeBinary } from './checkout.ts'
import type { ReadyState } from './foreground.ts'
import { openState } from './open-state.ts'
import type { UpOptions } from './options.ts'
import type { SystemInfo } from './system-info.ts'

/** What the detached process tells the one that waits for it. */
export type DetachedMessage = { text: string } | { ready: SystemInfo; state: ReadyState }

/** Starts a process of its own that runs the system, and comes back when that says it is ready. */
export async function runDetached(
  options: UpOptions,
  tell: (text: string) => void,
  signal: AbortSignal,
): Promise<{ info: SystemInfo; state: ReadyState } | undefined> {
  const { stateDir, logsDir } = await openState(options.stateDir)
  const log = await open(join(logsDir, 'up.log'), 'a', 0o600)
  const args = [
    '--state',
    stateDir,
    '--port',
    String(options.port),
    '--gateway-port',
    String(options.gatewayPort),
    '--gpus',
    options.gpus,
    ...(options.moosefs ? ['--moosefs'] : []),
  ]
  const child = spawn(nodeBinary, [join(import.meta.dirname, 'up.ts'), ...args], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  })
  await log.close()
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof runDetached>>>()
  child.on('error', reject)
  child.on('exit', () => resolve(undefined))
  child.on('message', (message: DetachedMessage) => {
    if ('text' in message) tell(message.text)
    else resolve({ info: message.ready, state: message.state })
  })
  // It stops what it has begun; we wait for its end.
  const abort = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', abort)
    if (child.connected) child.disconnect()
    child.unref()
  }
}
