import type { ApiContext } from '../context.ts'
import { shortId } from '../containers/describe.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { isMissing } from '../resolve.ts'
import { hostKind, resolveHost } from './kind.ts'

export async function removeHost(
  context: ApiContext,
  reference: string,
  { force }: { force: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Deleting a host', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name } = await resolveHost(context, reference)
  await requireYes(context, deed, {
    question: `Forget the host ${escapeText(name)} (${shortId(uuid)})? Its agent will have to join again.`,
    refused: 'Nothing was deleted.',
  })
  await api.hosts.remove({ params: { uuid } }, { signal }).catch((error: unknown) => {
    if (!isMissing(hostKind, error)) throw error
  })
  output.render({
    table: () => output.line(`${output.style('green', '✓')} Deleted ${escapeText(name)} (${shortId(uuid)})`),
    json: { uuid, name, deleted: true },
    quiet: [uuid],
  })
}
