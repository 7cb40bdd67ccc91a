import { type Container, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'
import { confirm } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { resolveContainer } from '../resolve.ts'
import { shortId } from './describe.ts'

/** Finds all of them before it deletes the first, so that a mistyped name leaves everything as it was. */
export async function removeContainers(
  context: ApiContext,
  references: readonly string[],
  { force }: { force: boolean },
): Promise<void> {
  const { api, output, signal } = context
  if (!force && !output.isInteractive) {
    throw new GpulabError('input_required', {
      message: 'Deleting needs a confirmation, and there is no terminal to ask on.',
      hint: 'Add --force to delete without being asked.',
    })
  }
  const found = await Promise.all(references.map((reference) => resolveContainer(context, reference)))
  const containers = [...new Map(found.map((container) => [container.uuid, container])).values()]
  if (!force && !(await confirm(question(containers), signal))) {
    throw new GpulabError('interrupted', { message: 'Nothing was deleted.' })
  }
  const removed: Container[] = []
  try {
    for (const container of containers) {
      await api.containers.remove({ params: { uuid: container.uuid } }, { signal })
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

function question(containers: readonly Container[]): string {
  const names = containers.map(({ name, uuid }) => `${escapeText(name)} (${shortId(uuid)})`).join(', ')
  return `Delete ${names} and everything in ${containers.length > 1 ? 'them' : 'it'}? [y/N] `
}
