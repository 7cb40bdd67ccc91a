import { type ErrorCode, GpulabError } from '@gpulab/contract'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'

const retryAfterSeconds = 2

/** Turns whatever a route threw into the envelope, and logs it once if it is ours to mend. */
export function answerError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const failure = error instanceof GpulabError ? error : toGpulabError(error)
  // Whoever has left gets no answer, and is no failure of ours.
  const isGone = error.name === 'AbortError' && reply.raw.destroyed
  if (failure.status >= 500 && !isGone) {
    request.log.error({ err: failure.cause ?? failure, code: failure.code }, failure.message)
  }
  if (failure.status === 429 || failure.status === 503) {
    void reply.header('retry-after', String(failure.details?.['retry_after'] ?? retryAfterSeconds))
  }
  void reply
    .code(failure.status)
    .type('application/json')
    .send(JSON.stringify(failure.toEnvelope(request.id)))
}

const fastifyCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
}

function toGpulabError(error: Error & Partial<FastifyError>): GpulabError {
  const code = fastifyCodes[error.code ?? '']
  if (code) return new GpulabError(code)
  const isClients = error.statusCode !== undefined && error.statusCode < 500
  return isClients
    ? new GpulabError('invalid_request', { message: `The request is not valid: ${error.message}.` })
    : new GpulabError('internal', { hint: 'Tell the operator the request id.', cause: error })
}
