import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureGuestBuilt } from '../ensure-guest-built.ts'
import type { GuestBuild } from '../guest-path.ts'
import type { GuestConnection } from '../guest-connection.ts'
import { createGuestListener, type GuestListenerOptions } from '../guest-listener.ts'

/** Which build the tests run: `asan` with sanitizers, `arm64` under qemu's emulation. By default this machine's own. */
const build = process.env['GPULAB_TEST_GUEST'] as GuestBuild | undefined
const emulator = build === 'arm64' && process.arch !== 'arm64' ? ['qemu-aarch64-static'] : []
/** Such builds are slower, and larger than any bound on memory. */
export const isSlow = build !== undefined

/** How a test starts its guest. */
export interface TestGuestOptions extends Partial<GuestListenerOptions> {
  /** Programs that come before the guest's own, as `setpriv …`. */
  readonly wrapper?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

/** A guest that runs as a plain process of this machine, and an agent's listener that can restart. */
export async function startTestGuest(options: TestGuestOptions = {}) {
  const program = await ensureGuestBuilt(build)
  const directory = await mkdtemp(join(tmpdir(), 'gpulab-guest-'))
  const connections: GuestConnection[] = []
  const waiting: ((connection: GuestConnection) => void)[] = []
  const onConnection = (connection: GuestConnection): void => {
    const next = waiting.shift()
    if (next) next(connection)
    else connections.push(connection)
  }
  const listen = () => createGuestListener({ onConnection, ...options, directory: join(directory, 'run') })
  let listener = await listen()
  const argv = [
    'setpriv',
    '--pdeathsig',
    'KILL',
    ...(options.wrapper ?? []),
    ...emulator,
    program,
    join(directory, 'run/agent.sock'),
  ]
  const child = spawn(argv[0] as string, argv.slice(1), {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...options.env },
  })
  const exited = once(child, 'exit')
  /** The next connection that the guest makes. */
  const connect = (): Promise<GuestConnection> => {
    const ready = connections.shift()
    return ready ? Promise.resolve(ready) : new Promise((resolve) => waiting.push(resolve))
  }
  const stopAgent = async (): Promise<void> => listener.close()
  const startAgent = async (): Promise<GuestConnection> => {
    listener = await listen()
    return connect()
  }
  const dispose = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
    await listener.close()
    await rm(directory, { recursive: true, force: true })
  }
  return {
    pid: child.pid ?? 0,
    directory,
    exited,
    connect,
    stopAgent,
    startAgent,
    [Symbol.asyncDispose]: dispose,
  }
}

/** What `startTestGuest` gives. */
export type TestGuest = Awaited<ReturnType<typeof startTestGuest>>
