import type { ApiContext } from '../base-command.ts'
import { shortId } from '../containers/describe.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { isMissing } from '../resolve.ts'
import { resolveVolume, volumeKind } from './kind.ts'

export async function removeVolume(
  context: ApiContext,
  reference: string,
  { force }: { force: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Deleting a volume', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name } = await resolveVolume(context, reference)
  await requireYes(context, deed, {
    question: `Delete the volume ${escapeText(name)} (${shortId(uuid)}) and everything in it?`,
    refused: 'Nothing was deleted.',
  })
  await api.volumes.remove({ params: { uuid } }, { signal }).catch((error: unknown) => {
    if (!isMissing(volumeKind, error)) throw error
  })
  output.render({
    table: () => output.line(`${output.style('green', '✓')} Deleted ${escapeText(name)} (${shortId(uuid)})`),
    json: { uuid, name, deleted: true },
    quiet: [uuid],
  })
}
