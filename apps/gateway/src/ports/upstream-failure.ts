import { GpulabError } from '@gpulab/contract'

/** What a request to a container failed with, as its client is told. */
export function toUpstreamFailure(error: unknown): GpulabError {
  if (error instanceof GpulabError) return error
  const { code = '' } = error as NodeJS.ErrnoException
  return new GpulabError('port_answer_invalid', {
    message:
      code === 'HPE_HEADER_OVERFLOW'
        ? 'The answer of the service in the container has a header that is too large.'
        : code.startsWith('HPE_')
          ? 'The service in the container does not answer in HTTP.'
          : 'The service in the container ended the connection without an answer.',
    cause: error,
  })
}

export const answerTimedOut = (ms: number): GpulabError =>
  new GpulabError('port_answer_timeout', {
    message: `The service in the container has not answered within ${Math.round(ms / 1000)} seconds.`,
  })
