import { eventually } from '@gpulab/testing'
import { type IPty, spawn } from '@lydell/node-pty'
import { onTestFinished } from 'vitest'
import type { System } from './start-system.ts'

/** A program on a terminal of its own. */
export interface Pty {
  readonly process: IPty
  /** All that was written to the screen. */
  screen(): string
  type(text: string): void
  /** Until it stands on the screen, after what was there before `from`. */
  shows(text: string | RegExp, from?: number): Promise<void>
  readonly ended: Promise<number>
}

export interface PtyOptions {
  readonly apiUrl?: string
  readonly columns?: number
  readonly rows?: number
  /** `latin1` makes a character of every byte. */
  readonly encoding?: 'utf8' | 'latin1'
}

/** A shell of this machine, in which `gpulab` is the built CLI, logged in. */
export function openPty(
  { cli }: Pick<System, 'cli'>,
  script: string,
  { apiUrl, columns = 90, rows = 30, encoding = 'utf8' }: PtyOptions = {},
): Pty {
  const { NO_COLOR: _noColor, ...env } = { ...process.env, ...cli.env } as Record<string, string>
  const child = spawn('bash', ['-c', `gpulab() { ${cli.program} "$@"; }; ${script}`], {
    cols: columns,
    rows,
    name: 'xterm',
    encoding,
    env: { ...env, ...(apiUrl !== undefined && { GPULAB_API_URL: apiUrl }) },
  })
  onTestFinished(() => child.kill('SIGKILL'))
  let screen = ''
  child.onData((text) => (screen += text))
  const { promise: ended, resolve } = Promise.withResolvers<number>()
  child.onExit(({ exitCode }) => resolve(exitCode))
  return {
    process: child,
    screen: () => screen,
    // Strings it would send as UTF-8, whatever the encoding; its types know of nothing else.
    type: (text) => child.write(Buffer.from(text, encoding) as unknown as string),
    shows: (text, from = 0) =>
      eventually(
        () => {
          const part = screen.slice(from)
          const isThere = typeof text === 'string' ? part.includes(text) : text.test(part)
          if (!isThere) throw new Error(`${text} is not on the screen: ${JSON.stringify(part.slice(-2000))}`)
        },
        { timeoutMs: 30_000 },
      ),
    ended,
  }
}
