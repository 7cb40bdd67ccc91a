import type { Host } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { resolveHost, resolveHostUuid } from './kind.ts'
import { stateLabel } from './describe.ts'
import { waitUntilDrained } from './wait-until-drained.ts'

export async function cordonHost(
  context: ApiContext,
  reference: string,
  action: 'cordon' | 'uncordon',
): Promise<void> {
  const uuid = await resolveHostUuid(context, reference)
  const host = await context.api.hosts[action]({ params: { uuid } }, { signal: context.signal })
  printHost(context, host, action === 'cordon' ? 'cordoned' : 'active')
}

export interface DrainOptions {
  readonly force: boolean
  readonly wait: boolean
  readonly waitTimeoutMs: number
}

/** Stops what runs there, so it asks first. */
export async function drainHost(
  context: ApiContext,
  reference: string,
  { force, wait, waitTimeoutMs }: DrainOptions,
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Draining a host', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name } = await resolveHost(context, reference)
  await requireYes(context, deed, {
    question: `Stop all containers on ${escapeText(name)}, and place no more there?`,
    refused: 'Nothing was changed.',
  })
  const host = await api.hosts.drain({ params: { uuid } }, { signal })
  if (wait) {
    printDrained(context, await waitUntilDrained(context, host, waitTimeoutMs))
    return
  }
  printHost(context, host, 'draining')
  output.note(`  Use 'gpulab hosts inspect ${escapeText(host.name)}' to see which containers are left`)
}

function printDrained({ output }: ApiContext, host: Host): void {
  output.render({
    table: () =>
      output.line(`${output.style('green', '✓')} ${escapeText(host.name)} is drained: nothing runs on it`),
    json: host,
    quiet: [host.uuid],
  })
}

/** `wanted` is what an operator has made it; that it is silent besides hides nothing of that. */
export function printHost({ output }: ApiContext, host: Host, wanted: string): void {
  const besides = host.state === wanted ? '' : ` (${stateLabel(output, host.state)})`
  output.render({
    table: () =>
      output.line(
        `${output.style('green', '✓')} ${escapeText(host.name)} is ${stateLabel(output, wanted)}${besides}`,
      ),
    json: host,
    quiet: [host.uuid],
  })
}
