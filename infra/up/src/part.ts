import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { endProcess, findProcess, type ProcessIdentity, waitUntil } from './processes.ts'

/** A program of the system that runs until it is stopped. */
export interface Part extends AsyncDisposable {
  name: string
  identity: ProcessIdentity
  /** Settles when the program ends, with a text that says how and shows its last words. */
  ended: Promise<string>
}

export interface PartSpec {
  /** As it stands at the beginning of a sentence: "The API". */
  name: string
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  logFile: string
  /** How long it gets to end by itself. */
  graceMs?: number
}

/** Starts a program out of reach of the terminal's Ctrl-C: we stop the parts ourselves, in order. */
export async function startPart(spec: PartSpec): Promise<Part> {
  const log = await open(spec.logFile, 'a', 0o600)
  const from = (await log.stat()).size
  const child = spawn(spec.command, spec.args, {
    env: spec.env,
    cwd: '/',
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  })
  const ended = Promise.withResolvers<string>()
  child.once('exit', (code, signal) => {
    void describeEnd(spec, signal ?? `exit code ${code}`, from).then(ended.resolve)
  })
  try {
    await once(child, 'spawn')
  } finally {
    await log.close()
  }
  const identity = (await findProcess(child.pid ?? 0)) ?? { pid: child.pid ?? 0, startTime: '' }
  return {
    name: spec.name,
    identity,
    ended: ended.promise,
    [Symbol.asyncDispose]: () => endProcess(identity, spec.graceMs ?? 10_000),
  }
}

/** Waits until `check` gives true. Throws when the part ends before, or the time is over. */
export async function waitForPart(
  part: Part,
  check: () => Promise<boolean>,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  let end: string | undefined
  void part.ended.then((text) => (end = text))
  const ready = await waitUntil(async () => end !== undefined || (await check()), { timeoutMs, signal })
  if (end !== undefined) throw new Error(end)
  if (!ready) throw new Error(`${part.name} was not ready after ${timeoutMs / 1000} seconds.`)
}

async function describeEnd({ name, logFile }: PartSpec, how: string, from: number): Promise<string> {
  const log = (await readFile(logFile)).subarray(from).toString().trim()
  const lines = log.split('\n').slice(-8).join('\n')
  if (log.includes('ENOSPC')) return `${name} ended because the disk is full; free some space and try again.`
  return `${name} ended (${how}); its whole log is ${logFile}. Its last lines:\n${lines}`
}
