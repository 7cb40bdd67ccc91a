import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** The body of an answer that another process writes to the caller's connection, all of its content-length. */
export class SentElsewhere implements AsyncIterable<Uint8Array> {
  /** Has it written; resolves when that is done. */
  readonly send: () => Promise<void>

  constructor(send: () => Promise<void>) {
    this.send = send
  }

  [Symbol.asyncIterator](): never {
    throw new Error('These bytes do not come here.')
  }
}

/** The connection of a request that another process can be given: one that nobody else uses, and that nobody encrypts. */
export function plainConnection({ raw }: FastifyRequest): Socket | undefined {
  return raw.httpVersionMajor === 1 && !(raw.socket instanceof TLSSocket) ? raw.socket : undefined
}

/** Sends the head of an answer, then has its body sent. What breaks off is cut, so that nobody takes it for the whole. */
export async function sendElsewhere(reply: FastifyReply, { send }: SentElsewhere): Promise<void> {
  const { raw, request } = reply
  const { socket } = request.raw
  reply.hijack()
  // Whoever else has the connection may have read from it: it is not used again.
  raw.writeHead(reply.statusCode, { ...(reply.getHeaders() as Record<string, string>), connection: 'close' })
  raw.flushHeaders()
  try {
    // Not before the head has left.
    await new Promise<void>((resolve, reject) => {
      socket.write(Buffer.alloc(0), (error) => (error ? reject(error) : resolve()))
    })
    await send()
    raw.end()
  } catch (error) {
    request.log.debug({ err: error }, 'an answer broke off')
    // To close it here alone would not end it.
    socket.destroySoon()
  }
}
