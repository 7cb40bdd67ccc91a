import type { ApiContext } from '../base-command.ts'
import { resolveContainerUuid } from '../containers/kind.ts'
import type { PortsInput } from '../containers/parse-input.ts'
import { printPorts } from './list.ts'

export async function setPorts(context: ApiContext, reference: string, body: PortsInput): Promise<void> {
  const { api, signal } = context
  const uuid = await resolveContainerUuid(context, reference)
  printPorts(context, await api.ports.set({ params: { uuid }, body }, { signal }))
}
