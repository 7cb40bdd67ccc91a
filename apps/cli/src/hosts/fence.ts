import { GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { ask, requireAsker } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { printHost } from './change-state.ts'
import { resolveHost } from './kind.ts'

const warning = (
  name: string,
): string => `This declares ${name} dead: its containers fail, and the leases of its GPUs end.
If the machine still runs, so do its containers, and their work may be done twice.
Make sure that it is off, or cut off from the network, before you go on.
`

/** The name is typed, since a yes is given too easily to what nobody can take back. */
export async function fenceHost(
  context: ApiContext,
  reference: string,
  { yes }: { yes: boolean },
): Promise<void> {
  const { api, signal } = context
  requireAsker(context, { what: 'Fencing a host', flag: '--yes', isSure: yes })
  const { uuid, name } = await resolveHost(context, reference)
  if (!yes) {
    process.stderr.write(warning(escapeText(name)))
    const typed = await ask(`Type the name of the host to fence it: `, signal)
    if (typed !== name) throw new GpulabError('interrupted', { message: 'Nothing was changed.' })
  }
  printHost(context, await api.hosts.fence({ params: { uuid } }, { signal }), 'fenced')
}
