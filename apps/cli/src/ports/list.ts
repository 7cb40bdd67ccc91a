import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { portLines } from '../containers/describe.ts'
import { resolveContainerUuid } from '../containers/kind.ts'

export async function listPorts(context: ApiContext, reference: string): Promise<void> {
  const { api, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  printPorts(context, await api.containers.get({ params: { uuid } }, { signal }))
}

export function printPorts({ output }: ApiContext, container: Container): void {
  const rows = Object.entries(container.ports).map(([port, url]) => ({
    port: Number(port),
    mode: container.port_modes[port] ?? 'public',
    url,
  }))
  output.render({
    table: () => {
      if (rows.length === 0) output.note('  No port has a URL.')
      for (const line of portLines(container)) output.line(line)
    },
    json: rows,
    quiet: rows.map(({ url, port }) => url ?? String(port)),
  })
}
