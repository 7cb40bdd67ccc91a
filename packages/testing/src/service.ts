import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'

export interface Service {
  readonly pid: number
  /** Everything that it has printed. */
  log(): string
  stop(signal?: NodeJS.Signals): Promise<void>
}

const stopDeadlineMs = 15_000

/** Runs one of our programs as a child; its output goes to a file. */
export function startService(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  logFile: string,
): Service {
  const log = createWriteStream(logFile, { flags: 'a' })
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log, { end: false })
  child.stderr.pipe(log, { end: false })
  return {
    pid: child.pid ?? 0,
    log: () => readFileSync(logFile, 'utf8'),
    stop: (signal = 'SIGTERM') => end(child, signal),
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadlineMs)
  await exited
  clearTimeout(timer)
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  { env = {}, input = '' }: { env?: NodeJS.ProcessEnv; input?: string | Buffer } = {},
): Promise<Finished & { readonly bytes: Buffer }> {
  const child = spawn(command, args, { env: { ...process.env, ...env } })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  const bytes = Buffer.concat(out)
  return { code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() }
}
