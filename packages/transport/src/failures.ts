import { GpulabError, lookFirst } from '@gpulab/contract'

/** No answer, and nothing was done. */
export const unreachable = (url: string, cause: unknown): GpulabError =>
  new GpulabError('api_unreachable', {
    message: `The GPULab API at ${url} does not answer: ${reasonOf(cause)}.`,
    hint: 'Check the URL (gpulab auth status) and whether the server runs.',
    cause,
  })

/** No answer to what may have been done. */
export const outcomeUnknown = (url: string, cause: unknown): GpulabError =>
  new GpulabError('outcome_unknown', {
    message: `The answer of the GPULab API at ${url} did not come (${reasonOf(cause)}); it may have been done.`,
    hint: lookFirst,
    cause,
  })

/** Of a host, as its caller in the control plane is told. */
export const hostLost = (cause: unknown): GpulabError =>
  new GpulabError('host_unreachable', {
    message: 'The connection to the host was lost.',
    hint: 'Try again; gpulab inspect shows whether the host is back.',
    cause,
  })

const authorityUnknown =
  'its certificate is by an authority that is not known here; add that with NODE_EXTRA_CA_CERTS'

/** Why there is no answer, in words of a sentence. */
export function reasonOf(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException
  const why: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'the name is unknown',
    EAI_AGAIN: 'the name cannot be looked up now',
    ENOENT: 'the socket does not exist',
    EHOSTUNREACH: 'there is no way to it',
    EPROTO: 'it does not speak TLS there',
    ECONNRESET: 'the connection was cut',
    CERT_HAS_EXPIRED: 'its certificate has expired',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; add it with NODE_EXTRA_CA_CERTS',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: authorityUnknown,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: authorityUnknown,
    SELF_SIGNED_CERT_IN_CHAIN: authorityUnknown,
    ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  }
  return why[code ?? ''] ?? message
}
