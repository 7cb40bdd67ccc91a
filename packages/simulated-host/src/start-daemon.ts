import { spawn } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { waitUntil } from './wait-until.ts'

/** A daemon of the engine: how to start it and how to tell that it serves. */
export interface DaemonSpec {
  command: string
  args: string[]
  env: NodeJS.ProcessEnv
  logFile: string
  isReady: () => Promise<boolean>
  signal: AbortSignal | undefined
}

/** Starts a daemon in a session of its own, so that it outlives us, and waits until it serves. Gives its pid. */
export async function startDaemon(spec: DaemonSpec): Promise<number> {
  const log = await open(spec.logFile, 'a')
  const from = (await log.stat()).size
  const child = spawn(spec.command, spec.args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: spec.env,
  })
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended = signal ?? `exit code ${code}`))
  await log.close()
  try {
    const ready = await waitUntil(async () => ended !== undefined || (await spec.isReady()), {
      timeoutMs: 60_000,
      signal: spec.signal,
    })
    if (ready && ended === undefined) return child.pid ?? 0
    throw new Error(await toFailure(spec, ended, from))
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    child.removeAllListeners()
    child.unref()
  }
}

async function toFailure(spec: DaemonSpec, ended: string | undefined, from: number): Promise<string> {
  const log = (await readFile(spec.logFile)).subarray(from).toString()
  const lines = log.trim().split('\n').slice(-8).join('\n')
  if (log.includes('no space left on device'))
    return `${spec.command} could not start: the disk is full. Free some space.`
  const what = ended === undefined ? 'was not ready after 60 seconds' : `ended at its start (${ended})`
  return `${spec.command} ${what}; its whole log is in ${spec.logFile}. Its last lines:\n${lines}`
}
