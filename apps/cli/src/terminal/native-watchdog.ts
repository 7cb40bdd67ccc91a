import { type Watchdog, watchdogScript, toPrintf } from './watchdog.ts'

export type NativeWatchdog = Pick<Watchdog, 'noteReset' | 'dismiss'> & {
  /** The terminal's settings, as `stty -g` writes them, are this process's own from now on. */
  noteRaw(settings: string): void
}

interface Child {
  readonly stdio: readonly unknown[]
  kill(signal: string): void
  unref(): void
}

const { Bun: bun } = globalThis as unknown as {
  readonly Bun: { spawn(command: readonly string[], options: object): Child }
}

/** As `startWatchdog`, told the settings instead of asking for them, so that nobody waits for it. */
export function startNativeWatchdog(saved: string): NativeWatchdog {
  const command = ['/bin/sh', '-c', watchdogScript, 'sh', saved]
  let child: Child | undefined
  try {
    child = bun.spawn(command, { stdio: [0, 'ignore', 1, 'pipe'], detached: true })
    child.unref()
  } catch {
    // Where there is no shell, there is nothing to be had.
  }
  const line = child?.stdio[3]
  const write = (text: string): void => {
    if (typeof line !== 'number') return
    try {
      process.getBuiltinModule('node:fs').writeSync(line, `${text}\n`)
    } catch {
      // It is gone.
    }
  }
  return {
    noteRaw: (settings) => write(`taken ${settings}`),
    noteReset: (text) => write(toPrintf(text)),
    dismiss: () => child?.kill('SIGKILL'),
  }
}
