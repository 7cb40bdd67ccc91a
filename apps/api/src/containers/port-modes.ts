import { GpulabError, type PortMode } from '@gpulab/contract'
import type { ContainerRow } from './store.ts'

type PortColumns = Pick<ContainerRow, 'ports' | 'privatePorts'>

/** How declared ports and their modes are stored. Throws for a mode of a port that is not declared. */
export function toPortColumns(
  declared: readonly number[],
  modes: Readonly<Record<string, PortMode>>,
): PortColumns {
  const ports = [...new Set(declared)]
  const unknown = Object.keys(modes).find((port) => !ports.includes(Number(port)))
  if (unknown !== undefined) {
    throw new GpulabError('invalid_request', {
      message: `port_modes: port ${unknown} is not one of the ports.`,
      hint: 'List it in ports too.',
    })
  }
  return { ports, privatePorts: ports.filter((port) => modes[port] === 'private') }
}

/** Port to mode, of all that are declared. */
export const toPortModes = ({ ports, privatePorts }: PortColumns): Record<string, PortMode> =>
  Object.fromEntries(ports.map((port) => [port, privatePorts.includes(port) ? 'private' : 'public']))
