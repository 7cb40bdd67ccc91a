import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { VolumeFolders } from '../driver.ts'

export interface WorkerCall {
  readonly operation: string
  readonly query: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array> | undefined
  readonly signal: AbortSignal
}

/** The process that serves the files of one volume. */
export interface WorkerProcess {
  readonly isAlive: boolean
  /** Answers with the head; whoever gets it reads the body or destroys it. Rejects with WorkerSilence. */
  call(call: WorkerCall): Promise<IncomingMessage>
  /** Until it has gone, or waits in the kernel for something that does not answer. */
  kill(): Promise<void>
}

/** It has not answered for too long: its file system does not, most likely. */
export class WorkerSilence extends Error {}

/** What was to be written has broken off. */
export class BodyCut extends Error {}

const startMs = 20_000
const killMs = 5000
const answerMs = 30_000
/** From the last byte of a body until it is on disk. */
const syncMs = 600_000
/** A whole tree; while it goes on, others are answered in turn, and so tell whether it does. */
const removeMs = 600_000
/** Between two parts of a body, while the worker is the one that is waited for. */
const progressMs = 60_000

const program = (): string => {
  const bundled = join(import.meta.dirname, 'volume-worker.js')
  return existsSync(bundled) ? bundled : join(import.meta.dirname, 'worker/main.ts')
}

export async function startWorker(
  socketPath: string,
  { root, staging, hiddenName = '' }: VolumeFolders,
): Promise<WorkerProcess> {
  // Nothing of the agent's environment: whatever a tenant might make it do, it has no secrets.
  const child = spawn(process.execPath, [program(), socketPath, root, staging, hiddenName], {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // It may be gone before it reads.
  child.stdin.on('error', () => {})
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-2000)))
  const late = AbortSignal.timeout(startMs)
  try {
    await orAbort(Promise.race([once(child.stdout, 'data'), once(child, 'exit')]), late)
  } catch (cause) {
    child.kill('SIGKILL')
    throw new WorkerSilence('The volume does not answer.', { cause })
  }
  if (hasEnded(child)) throw new Error(`The files of the volume can not be served: ${words}`)
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  return {
    get isAlive() {
      return !hasEnded(child)
    },
    call: (call) => send(socketPath, agent, call),
    kill: async () => {
      child.kill('SIGKILL')
      agent.destroy()
      if (!hasEnded(child)) await orAbort(once(child, 'exit'), AbortSignal.timeout(killMs)).catch(() => {})
    },
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

async function send(
  socketPath: string,
  agent: Agent,
  { operation, query, headers = {}, body, signal }: WorkerCall,
): Promise<IncomingMessage> {
  const outgoing = request({
    socketPath,
    agent,
    signal,
    method: body ? 'POST' : 'GET',
    path: `/${operation}?${new URLSearchParams(query)}`,
    headers,
  })
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  answered.catch(() => {})
  try {
    if (body) await feed(outgoing, body, answered, signal)
    else outgoing.end()
    const [response] = await within(answered, body ? syncMs : operation === 'remove' ? removeMs : answerMs)
    // It has refused what has not all been sent.
    if (!outgoing.writableEnded) response.once('end', () => outgoing.destroy())
    return response
  } catch (error) {
    outgoing.destroy()
    throw error
  }
}

/** Until all is sent or the worker has answered early, as it does when it refuses. */
async function feed(
  outgoing: ReturnType<typeof request>,
  body: AsyncIterable<Uint8Array>,
  answered: Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  let isAnswered = false
  answered.then(
    () => (isAnswered = true),
    () => (isAnswered = true),
  )
  // Its stream has to carry the answer yet.
  const source = body instanceof Readable ? body.iterator({ destroyOnReturn: false }) : body
  const chunks = source[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { value, done } = await chunks.next().catch((cause: unknown) => {
        throw new BodyCut('The body was cut.', { cause })
      })
      if (isAnswered) return
      // The end of a body that was cut is not its end.
      if (signal.aborted) throw new BodyCut('The caller has left.')
      if (done) break
      notePassed(value.length)
      if (!outgoing.write(value)) await within(Promise.race([once(outgoing, 'drain'), answered]), progressMs)
    }
  } finally {
    void chunks.return?.().catch(() => {})
  }
  outgoing.end()
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const late = AbortSignal.timeout(ms)
  try {
    return await orAbort(work, late)
  } catch (error) {
    if (late.aborted) throw new WorkerSilence('The volume does not answer.', { cause: error })
    throw error
  }
}
