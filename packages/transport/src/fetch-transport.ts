import { isRepeatable, type Transport, type TransportRequest, type TransportResponse } from '@gpulab/contract'
import type { HttpTransportOptions } from './http-transport.ts'
import { outcomeUnknown, unreachable } from './failures.ts'
import { openNative } from './open-native.ts'
import { requireSecureUrl } from './secure-url.ts'

const defaultTimeoutMs = 30_000

/** Bun's names for what Node has others for. */
const nodeCodes: Readonly<Record<string, string>> = {
  ConnectionRefused: 'ECONNREFUSED',
  FailedToOpenSocket: 'ECONNREFUSED',
  DNSResolveFailed: 'ENOTFOUND',
  ConnectionClosed: 'ECONNRESET',
  Timeout: 'ETIMEDOUT',
}
/** Nothing of the request has left. */
const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EHOSTUNREACH', 'EPROTO'])

/**
 * As `createHttpTransport`, for Bun, whose fetch and connections are there at once while its node:http takes 25 ms to
 * load. What these can't do as well is left to the other one, which is loaded then.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const url = requireSecureUrl(options.url, options.insecure)
  let other: Promise<Transport> | undefined
  const useOther = (): Promise<Transport> =>
    (other ??= import('./http-transport.ts').then((node) => node.createHttpTransport(options)))
  if (url.startsWith('unix:')) {
    return {
      request: async (call) => (await useOther()).request(call),
      connect: async (call) => (await useOther()).connect(call),
    }
  }
  const base = url.replace(/\/$/, '')
  return {
    request: async (call) =>
      isStreamed(call) ? (await useOther()).request(call) : request(options.url, base, call),
    connect: async (call) => {
      call.signal?.throwIfAborted()
      const channel = await openNative(base, call, call.timeoutMs ?? defaultTimeoutMs)
      call.signal?.throwIfAborted()
      // The other one also finds out why the server refuses.
      return channel ?? (await useOther()).connect(call)
    },
  }
}

/** A body has to be held back by the network, and what came before a cut must be read before the cut is told. */
const isStreamed = ({ body, path }: TransportRequest): boolean =>
  typeof body === 'object' || path.includes('follow=true')

async function request(url: string, base: string, call: TransportRequest): Promise<TransportResponse> {
  call.signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  call.signal?.addEventListener('abort', abort, { once: true })
  const timeoutMs = call.timeoutMs ?? defaultTimeoutMs
  let late: Error | undefined
  const timer = setTimeout(() => {
    late = new Error(`no answer within ${timeoutMs / 1000} s`)
    controller.abort()
  }, timeoutMs)
  const settle = (): void => {
    clearTimeout(timer)
    call.signal?.removeEventListener('abort', abort)
  }
  const fail = (error: unknown): never => {
    settle()
    call.signal?.throwIfAborted()
    const cause = late ?? toNodeError(error)
    const { code = '' } = cause as NodeJS.ErrnoException
    const isOpen = !isRepeatable(call.method) && !unsent.has(code)
    throw (isOpen ? outcomeUnknown : unreachable)(url, cause)
  }
  try {
    const init = {
      method: call.method,
      headers: call.headers,
      signal: controller.signal,
      redirect: 'manual' as const,
      // Of Bun: it would give up streams that are quiet for five minutes.
      timeout: false,
      ...(typeof call.body === 'string' && { body: call.body }),
    }
    const response = await fetch(base + call.path, init)
    if (!call.isBodyTimed && response.status < 400) clearTimeout(timer)
    const { status, body } = response
    return { status, headers: Object.fromEntries(response.headers), body: readBody(body, settle, fail) }
  } catch (error) {
    return fail(error)
  }
}

async function* readBody(
  body: AsyncIterable<Uint8Array> | null,
  settle: () => void,
  fail: (error: unknown) => never,
): AsyncGenerator<Uint8Array> {
  try {
    if (body) yield* body
    settle()
  } catch (error) {
    fail(error)
  } finally {
    settle()
  }
}

function toNodeError(error: unknown): Error {
  const failure = error as NodeJS.ErrnoException
  const code = nodeCodes[failure.code ?? ''] ?? failure.code
  return Object.assign(new Error(failure.message), code !== undefined && { code })
}
