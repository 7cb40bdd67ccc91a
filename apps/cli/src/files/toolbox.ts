import { GpulabError } from '@gpulab/contract'
import { setTimeout as delay } from 'node:timers/promises'
import type { ApiContext } from '../context.ts'
import { type Ending, requireExitCode } from '../sessions/ending.ts'
import { runSession } from '../sessions/run-session.ts'
import type { Sink } from '../sessions/session-client.ts'
import { toErrnoFailure } from './describe-errno.ts'

/** Programs of ours that every container has, whatever its image. */
export const guest = '/.gpulab/gpulab-guest'
export const busybox = '/.gpulab/busybox'

const textMaxBytes = 64 << 10
const cleanUpMs = 10_000
/** A client that was killed is missed only a moment later. */
const noticeMs = 3000
const lookAgainMs = 200

export interface ToolIo {
  readonly input?: AsyncIterable<Uint8Array>
  /** Without one, output is kept as text. */
  readonly output?: Sink
  /** Instead of the user's interruption, for what has to be done after it. */
  readonly signal?: AbortSignal
}

export interface ToolEnd {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs programs in one container; none of them is left running when it is given up. */
export interface Toolbox {
  readonly uuid: string
  /** The user has interrupted it. */
  readonly isLeaving: boolean
  run(argv: readonly string[], io?: ToolIo): Promise<ToolEnd>
  /** A script of busybox's shell, with its arguments from $1 on. */
  shell(script: string, args: readonly string[], io?: ToolIo): Promise<ToolEnd>
  /** For what must not make a failure worse; tried for a short time, interrupted or not. */
  cleanUp(script: string, args: readonly string[]): Promise<void>
  /** Ends programs that were left with one of these words and have no client; gives whether one has. */
  endAbandoned(word: string): Promise<{ readonly isInUse: boolean }>
}

export function createToolbox(context: Pick<ApiContext, 'api' | 'signal'>, uuid: string): Toolbox {
  const { api } = context

  const kill = (id: string): Promise<void> =>
    api.sessions
      .kill({ params: { uuid, id } }, { signal: AbortSignal.timeout(cleanUpMs) })
      .then(() => undefined)
      .catch(() => undefined)

  const run: Toolbox['run'] = async (argv, { input, output, signal = context.signal } = {}) => {
    const [stdout, stderr] = [keepText(), keepText()]
    let id: string | undefined
    let ending: Ending
    try {
      ending = await runSession(
        api,
        uuid,
        { command: [...argv], workdir: '/', stdin: input !== undefined },
        {
          input,
          output: output ?? stdout.sink,
          error: stderr.sink,
          signal,
          onStart: (_client, session) => {
            id = session.id
          },
        },
      )
    } catch (error) {
      if (id !== undefined) await kill(id)
      throw error
    }
    if (ending.exitCode === 126 || ending.exitCode === 127) throw toolboxMissing(ending)
    return { exitCode: requireExitCode(ending), stdout: stdout.text(), stderr: stderr.text() }
  }

  const shell: Toolbox['shell'] = (script, args, io) =>
    run([busybox, 'sh', '-c', script, 'gpulab-cp', ...args], io)
  return {
    uuid,
    get isLeaving() {
      return context.signal.aborted
    },
    run,
    shell,
    cleanUp: async (script, args) => {
      await shell(script, args, { signal: AbortSignal.timeout(cleanUpMs) }).catch(() => undefined)
    },
    endAbandoned: async (word) => {
      const until = performance.now() + noticeMs
      for (let isFirst = true; ; isFirst = false) {
        const { items } = await api.sessions.list({ params: { uuid } }, { signal: context.signal })
        const own = items.filter(
          ({ state, command }) => state === 'running' && command?.some((each) => each.includes(word)),
        )
        if (!own.some(({ attached }) => attached)) {
          await Promise.all(own.map(({ id }) => kill(id)))
          // One that is gone now, and had a client until then, may have come to its end.
          return { isInUse: own.length === 0 && !isFirst }
        }
        if (performance.now() >= until) return { isInUse: true }
        await delay(lookAgainMs, undefined, { signal: context.signal }).catch(() =>
          context.signal.throwIfAborted(),
        )
      }
    },
  }
}

function keepText(): { readonly sink: Sink; readonly text: () => string } {
  const chunks: Uint8Array[] = []
  let length = 0
  return {
    sink: (bytes) => {
      if (length < textMaxBytes) chunks.push(bytes)
      length += bytes.length
      return Promise.resolve()
    },
    text: () => Buffer.concat(chunks).toString(),
  }
}

const toolboxMissing = ({ message }: Ending): GpulabError =>
  new GpulabError('copy_failed', {
    message: `The container has no programs to copy with${message ? `: ${message}` : ''}.`,
    hint: 'It may have been made by an older agent: gpulab redeploy makes it anew.',
  })

/** What the guest says of a failure is the name of an errno, what busybox says a sentence that ends with its text. */
export function toToolFailure({ exitCode, stderr }: ToolEnd, where: string): GpulabError {
  const lines = stderr.trim().split('\n')
  const name = lines.find((line) => /^E[A-Z0-9]+$/.test(line)) ?? findErrno(stderr)
  if (name !== undefined) return toErrnoFailure(name, where)
  return new GpulabError('copy_failed', {
    message: `${where}: ${lines[0] || `it ended with exit code ${exitCode}`}.`,
  })
}

const texts: Readonly<Record<string, string>> = {
  'No space left on device': 'ENOSPC',
  'Disk quota exceeded': 'EDQUOT',
  'Permission denied': 'EACCES',
  'Operation not permitted': 'EPERM',
  'Read-only file system': 'EROFS',
  'No such file or directory': 'ENOENT',
  'File name too long': 'ENAMETOOLONG',
  'File too large': 'EFBIG',
  'Not a directory': 'ENOTDIR',
  'Is a directory': 'EISDIR',
}

const findErrno = (stderr: string): string | undefined =>
  Object.entries(texts).find(([text]) => stderr.includes(text))?.[1]
