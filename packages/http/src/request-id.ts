import type { Transport } from '@gpulab/contract'
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

export const requestIdHeader = 'x-request-id'

/** What is logged must not be anybody's to forge beyond a word. */
const pattern = /^[\w.-]{8,64}$/

// The one thing of a request that every layer below it passes on and none decides by.
const current = new AsyncLocalStorage<string>()

/** The id that the caller gave its request, so that one name leads through the logs of all tiers; else a new one. */
export function toRequestId({ [requestIdHeader]: given }: IncomingHttpHeaders): string {
  return typeof given === 'string' && pattern.test(given)
    ? given
    : `req_${takeRandom().toString('base64url')}`
}

const idBytes = 9
// To ask for so many at once costs as much as to ask for those of one.
let pool = Buffer.alloc(0)

function takeRandom(): Buffer {
  if (pool.length === 0) pool = randomBytes(idBytes * 400)
  const taken = pool.subarray(0, idBytes)
  pool = pool.subarray(idBytes)
  return taken
}

/** Calls that are made in here carry the id. */
export const runAsRequest = <T>(id: string, run: () => T): T => current.run(id, run)

export const currentRequestId = (): string | undefined => current.getStore()

/** Sends each request with the id of the one that it is made for, if there is one. */
export function withRequestId(transport: Transport): Transport {
  const mark = <T extends { readonly headers: Readonly<Record<string, string>> }>(call: T): T => {
    const id = currentRequestId()
    return id === undefined ? call : { ...call, headers: { ...call.headers, [requestIdHeader]: id } }
  }
  return {
    request: (call) => transport.request(mark(call)),
    connect: (call) => transport.connect(mark(call)),
  }
}
