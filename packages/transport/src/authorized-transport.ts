import type { Transport, TransportRequest, TransportResponse } from '@gpulab/contract'

/** A token that ends, and where new ones come from. */
export interface Credential {
  /** One that should be good now. */
  token(): Promise<string>
  /** Says that the server did not take this one, so that `token` gives another. */
  refuse(token: string): void
}

const unauthorized = 401

/**
 * Sends each request with the present token as `authorization: Bearer`, and once more with a new one where the server
 * answers 401: it has done nothing then. A streamed body can not be sent twice, so its 401 is the answer.
 */
export function createAuthorizedTransport(transport: Transport, credential: Credential): Transport {
  const withToken = async <T>(
    request: TransportRequest,
    send: (request: TransportRequest) => Promise<T>,
  ): Promise<{ answer: T; token: string }> => {
    const token = await credential.token()
    const headers = { ...request.headers, authorization: `Bearer ${token}` }
    return { answer: await send({ ...request, headers }), token }
  }
  const request = async (call: TransportRequest): Promise<TransportResponse> => {
    const first = await withToken(call, transport.request)
    if (first.answer.status !== unauthorized) return first.answer
    credential.refuse(first.token)
    if (call.body !== undefined && typeof call.body !== 'string') return first.answer
    await drain(first.answer)
    return (await withToken(call, transport.request)).answer
  }
  return {
    request,
    connect: async (call) => (await withToken(call, transport.connect)).answer,
  }
}

/** A connection is free again only when its answer has been read. */
async function drain({ body }: TransportResponse): Promise<void> {
  for await (const _ of body);
}
