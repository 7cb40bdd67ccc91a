import { GpulabError } from '@gpulab/contract'

export const tooMany = (cause?: Error): GpulabError =>
  new GpulabError('rate_limited', {
    message: 'The container has too many sessions and connections already.',
    cause,
  })

export const portClosed = (port: number, cause?: Error): GpulabError =>
  new GpulabError('port_closed', {
    message: `Nothing in the container answers on port ${port}.`,
    hint: `gpulab wait CONTAINER --for port:${port} waits until something does.`,
    cause,
  })

export const wasReset = (cause?: Error): GpulabError =>
  new GpulabError('port_closed', { message: 'The connection was reset in the container.', cause })
