import { GpulabError, type Transport } from '@gpulab/contract'

const header = 'x-request-id'
const letters = 16

/**
 * Names each call, whatever becomes of its attempts: the servers that it passes through log it under that name, and a
 * failure carries it.
 */
export const withRequestIds = (transport: Transport): Transport => {
  const named = async <C extends { readonly headers: Readonly<Record<string, string>> }, T>(
    call: C,
    send: (call: C) => Promise<T>,
  ): Promise<T> => {
    const id = call.headers[header] ?? newRequestId()
    try {
      return await send({ ...call, headers: { ...call.headers, [header]: id } })
    } catch (error) {
      throw error instanceof GpulabError && error.requestId === undefined ? withId(error, id) : error
    }
  }
  return {
    request: (call) => named(call, transport.request),
    connect: (call) => named(call, transport.connect),
  }
}

/** It is only to be told from others in a log: nothing that loads a module. */
const newRequestId = (): string =>
  `req_${Array.from({ length: letters }, () => Math.floor(Math.random() * 36).toString(36)).join('')}`

const withId = (error: GpulabError, requestId: string): GpulabError =>
  new GpulabError(error.code, {
    message: error.message,
    requestId,
    cause: error.cause,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.details && { details: error.details }),
  })
