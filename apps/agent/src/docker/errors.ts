import { GpulabError } from '@gpulab/contract'

/** The engine's own refusal, or the reason why there was no answer. */
export class EngineError extends Error {
  /** HTTP status of the answer; undefined when there was none. */
  readonly status: number | undefined
  /** Says nothing about the request: the same may succeed when the engine is well again. */
  readonly transient: boolean

  constructor(message: string, status: number | undefined, cause: unknown) {
    super(message, { cause })
    this.name = 'EngineError'
    this.status = status
    this.transient = isEngineTrouble(status, message) || status === 503
  }
}

/**
 * What dockerd says while it or its containerd goes down or comes up; none of it is about the container. A registry
 * that refuses connections is none of it, so only those to a local socket count.
 */
const restarting =
  /transport is closing|ttrpc: closed|context canceled|containerd.*(?:unavailable|not running)|daemon is shutting down|dial(?:ing)?:? unix/i

/** Whether the engine itself is in trouble: gone without an answer, or going down or coming up. */
export const isEngineTrouble = (status: number | undefined, message: string): boolean =>
  status === undefined || (status >= 500 && restarting.test(message))

/** Whether there was no answer at all. */
export const isEngineDown = (error: unknown): boolean =>
  error instanceof EngineError && error.status === undefined

// Of containerd, of its shims and of runc.
const leftover =
  /task [0-9a-f]{64}: already exists|failed to start shim: mkdir \S+: file exists|container with (?:given )?id (?:already )?exists/i

/** Whether containerd still has something of a start that an earlier dockerd did not live to see the end of. */
export const isLeftover = (error: unknown): boolean =>
  error instanceof EngineError && leftover.test(error.message)

/** Whether a container cannot be made since the engine does not see one of these folders. */
export const isMissingSource = (error: unknown, folders: readonly string[]): boolean =>
  error instanceof EngineError &&
  error.message.includes('bind source path does not exist') &&
  folders.some((folder) => error.message.includes(folder))

interface ModemError {
  readonly message?: string
  readonly statusCode?: number
  readonly json?: { readonly message?: string } | null
}

/** Every call to the engine goes through here, so that nothing else knows the client library's errors. */
export async function callEngine<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw toEngineError(error)
  }
}

export function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { message = String(error), statusCode, json } = error as ModemError
  return new EngineError(json?.message ?? sentenceOf(message), statusCode, error)
}

/** The library wraps the text of a failed stream call as `(HTTP code 500) server error - {"message":"…"}`. */
function sentenceOf(message: string): string {
  const text = message.replace(/^\(HTTP code \d+\)[^-]*- /, '').trim()
  return /^\{"message":"(.*)"\}$/s.exec(text)?.[1]?.replaceAll('\\"', '"') ?? text
}

export const hasStatus = (error: unknown, ...statuses: number[]): boolean =>
  error instanceof EngineError && error.status !== undefined && statuses.includes(error.status)

export const engineUnavailable = (cause: unknown): GpulabError =>
  new GpulabError('engine_unavailable', {
    hint: 'Its operator sees why with: systemctl status docker. Running containers go on.',
    cause,
  })
