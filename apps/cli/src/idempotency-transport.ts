import { GpulabError, type Transport } from '@gpulab/contract'
import { randomUuid } from './random-uuid.ts'

const header = 'idempotency-key'

/**
 * Gives each call whose server knows idempotency keys one of its own, whatever becomes of its attempts. A failure
 * that leaves the outcome open carries the key, so that the user can ask for the same again.
 */
export const withIdempotencyKeys = (transport: Transport): Transport => ({
  ...transport,
  request: async (call) => {
    if (!call.idempotency) return transport.request(call)
    // At its first use: most commands need none, and the module takes its time to load.
    const key = call.headers[header] ?? randomUuid()
    try {
      return await transport.request({ ...call, headers: { ...call.headers, [header]: key } })
    } catch (error) {
      throw isOpen(error) ? withKey(error, key) : error
    }
  },
})

const isOpen = (error: unknown): error is GpulabError =>
  error instanceof GpulabError && error.code === 'outcome_unknown'

const withKey = (error: GpulabError, key: string): GpulabError =>
  new GpulabError(error.code, {
    message: error.message,
    details: { ...error.details, idempotency_key: key },
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
  })

/** Of an `outcome_unknown`: with it, the same request does nothing a second time. */
export const keyOf = ({ details }: GpulabError): string | undefined =>
  typeof details?.['idempotency_key'] === 'string' ? details['idempotency_key'] : undefined
