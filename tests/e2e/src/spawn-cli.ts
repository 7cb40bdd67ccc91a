import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import type { System } from './start-system.ts'

/** The CLI while it runs. */
export interface RunningCli {
  readonly child: ChildProcessWithoutNullStreams
  readonly stdout: () => Buffer
  readonly stderr: () => string
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>
}

/** `isRead: false` leaves what it writes in the pipe until somebody resumes the child's streams. */
export function spawnCli(
  { cli }: Pick<System, 'cli'>,
  args: readonly string[],
  { apiUrl, isRead = true }: { apiUrl?: string; isRead?: boolean } = {},
): RunningCli {
  const env = { ...process.env, ...cli.env, ...(apiUrl !== undefined && { GPULAB_API_URL: apiUrl }) }
  const child = spawn(cli.program, args, { env })
  onTestFinished(() => void child.kill('SIGKILL'))
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  if (isRead) child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stdin.on('error', () => {})
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  return {
    child,
    stdout: () => Buffer.concat(out),
    stderr: () => Buffer.concat(err).toString(),
    ended,
  }
}
