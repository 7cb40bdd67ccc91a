import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { notePassed } from '@gpulab/transport/collect-as-bytes-pass'
import { orAbort } from '@gpulab/transport/or-abort'
import type { VolumeFolders } from '../driver.ts'

export interface WorkerCall {
  readonly operation: string
  readonly query: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array> | Buffer | undefined
  readonly signal: AbortSignal
  /** From which the worker takes the rest of the body. */
  readonly connection?: { readonly id: string; readonly socket: Socket } | undefined
}

/** The process that serves the files of one volume. */
export interface WorkerProcess {
  readonly isAlive: boolean
  /** Answers with the head; whoever gets it reads the body or destroys it. Rejects with WorkerSilence. */
  call(call: WorkerCall): Promise<IncomingMessage>
  /** Lets it use a connection, beside this process, for a call that has named it. */
  handOver(id: string, connection: Socket): Promise<void>
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
/** What a worker says when it has all of a body. */
const bodyIsWhole = 100

const program = (): string => {
  const bundled = join(import.meta.dirname, 'volume-worker.js')
  return existsSync(bundled) ? bundled : join(import.meta.dirname, 'worker/main.ts')
}

export async function startWorker(
  socketPath: string,
  { root, staging, hiddenName = '' }: VolumeFolders,
  silentMs = progressMs,
): Promise<WorkerProcess> {
  // Nothing of the agent's environment: whatever a tenant might make it do, it has no secrets.
  const child = spawn(process.execPath, [program(), socketPath, root, staging, hiddenName], {
    env: {},
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
  }) as ChildProcessWithoutNullStreams
  // It may be gone before it reads.
  child.on('error', () => {}).stdin.on('error', () => {})
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
  const handOver = (id: string, connection: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      // Node counts those that servers hand over, and a server whose processes have ended never closes then.
      const uncounted = Object.create(connection, { server: { value: undefined } }) as Socket
      child.send(id, uncounted, { keepOpen: true }, (error) => (error ? reject(error) : resolve()))
    })
  return {
    get isAlive() {
      return !hasEnded(child)
    },
    call: (call) => send(socketPath, agent, call, { handOver, silentMs }),
    handOver,
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
  { operation, query, headers = {}, body, signal, connection }: WorkerCall,
  { handOver, silentMs }: Pick<WorkerProcess, 'handOver'> & { readonly silentMs: number },
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
    if (Buffer.isBuffer(body)) outgoing.end(body)
    else if (body) await feed(outgoing, body, answered, signal)
    else outgoing.end()
    if (connection) {
      await handOver(connection.id, connection.socket)
      return await untilAnswered(outgoing, answered, silentMs)
    }
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

/** It takes as long as the body, of which nothing passes here: the worker says now and then that it goes on. */
async function untilAnswered(
  outgoing: ClientRequest,
  answered: Promise<[IncomingMessage]>,
  silentMs: number,
): Promise<IncomingMessage> {
  const { promise: silence, reject } = Promise.withResolvers<never>()
  const giveUp = (): void => reject(new WorkerSilence('The volume does not answer.'))
  let timer = setTimeout(giveUp, silentMs)
  const extend = ({ statusCode }: { readonly statusCode: number }): void => {
    clearTimeout(timer)
    timer = setTimeout(giveUp, statusCode === bodyIsWhole ? syncMs : silentMs)
  }
  outgoing.on('information', extend)
  try {
    const [response] = await Promise.race([answered, silence])
    return response
  } finally {
    clearTimeout(timer)
    outgoing.off('information', extend)
  }
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
