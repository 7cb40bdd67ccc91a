import { GpulabError, type PortMode, type Route } from '@gpulab/contract'

/** Statuses that become `running` by themselves, as far as is known. */
const passing = new Set(['queued', 'deploying', 'starting', 'restarting'])

/** Whom a declared port is open to. */
export function getMode({ ports }: Route, port: number): PortMode {
  const mode = ports[port]
  if (mode !== undefined) return mode
  throw new GpulabError('port_not_found', {
    message: `Port ${port} of this container is not declared.`,
    hint: `Declare it with gpulab ports set, or gpulab deploy --ports ${port}.`,
  })
}

/**
 * The host of a container that runs. Whoever knows the address is told the status, and no more: why it is so has names of
 * hosts, images and volumes in it.
 */
export function getHost({ host, status }: Route): NonNullable<Route['host']> {
  if (host) return host
  if (status === 'unreachable') {
    throw new GpulabError('host_unreachable', {
      message: 'The host of the container does not answer.',
    })
  }
  throw new GpulabError('container_not_running', {
    message: `The container is ${status}.`,
    hint: 'gpulab inspect CONTAINER shows why.',
    details: { status, passes: passing.has(status) },
  })
}
