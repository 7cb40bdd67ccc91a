import { GpulabError } from '@gpulab/contract'

export interface Forward {
  /** In the container. */
  readonly port: number
  /** On this machine; 0 for any that is free. */
  readonly local: number
}

const portMax = 65_535

/** Reads `8888` or `8888:9999`: the container's port, and this machine's. */
export function parseForward(text: string): Forward {
  const [, port, local = port] = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(text) ?? []
  const forward = { port: Number(port), local: Number(local) }
  if (port === undefined || forward.port < 1 || forward.port > portMax || forward.local > portMax) {
    throw new GpulabError('invalid_request', {
      message: `"${text}" is not a port to forward.`,
      hint: 'Give the port of the container, and another of this machine if need be: 8888 or 8888:9999.',
    })
  }
  return forward
}
