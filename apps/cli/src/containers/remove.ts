import type { Container } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { isMissing, resolveAll } from '../resolve.ts'
import { shortId } from './describe.ts'
import { containerKind } from './kind.ts'

/** Finds all of them before it deletes the first, so that a mistyped name leaves everything as it was. */
export async function removeContainers(
  context: ApiContext,
  references: readonly string[],
  { force }: { force: boolean },
): Promise<void> {
  const { output } = context
  const deed = { what: 'Deleting', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const found = await resolveAll(containerKind, context, references)
  const containers = [...new Map(found.map((container) => [container.uuid, container])).values()]
  await requireYes(context, deed, { question: question(containers), refused: 'Nothing was deleted.' })
  const removed: Container[] = []
  try {
    for (const container of containers) {
      await remove(context, container)
      removed.push(container)
      if (output.mode === 'table') {
        output.line(
          `${output.style('green', '✓')} Deleted ${escapeText(container.name)} (${shortId(container.uuid)})`,
        )
      }
    }
  } finally {
    if (removed.length > 0) {
      output.render({
        table: () => {},
        json: removed.map(({ uuid, name }) => ({ uuid, name, deleted: true })),
        quiet: removed.map(({ uuid }) => uuid),
      })
    }
  }
}

/** One that was there a moment ago is gone now, which is what was asked for: an answer may have been lost. */
async function remove({ api, signal }: ApiContext, { uuid }: Container): Promise<void> {
  await api.containers.remove({ params: { uuid } }, { signal }).catch((error: unknown) => {
    if (!isMissing(containerKind, error)) throw error
  })
}

function question(containers: readonly Container[]): string {
  const names = containers.map(({ name, uuid }) => `${escapeText(name)} (${shortId(uuid)})`).join(', ')
  return `Delete ${names} and everything in ${containers.length > 1 ? 'them' : 'it'}?`
}
