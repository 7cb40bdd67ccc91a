import { type CreateTemplate, GpulabError, type Template, type UpdateTemplate } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { requireAsker, requireYes } from '../output/confirm.ts'
import { escapeText } from '../output/escape.ts'
import { printDone } from '../output/list.ts'
import { listAll } from '../pages.ts'

type Body = UpdateTemplate & Pick<CreateTemplate, 'name' | 'type' | 'image'>

/** Of the team, or with `isShared` of all teams, which administrators may. */
export interface Whose {
  readonly isShared: boolean
}

export async function createTemplate(context: ApiContext, body: Body, { isShared }: Whose): Promise<void> {
  const { api, output, signal } = context
  const calls = isShared ? api.admin.templates : api.templates
  const made = await calls.create({ body }, { signal })
  printDone(output, `Made the template ${escapeText(made.name)}`, made, made.uuid)
}

export async function updateTemplate(
  context: ApiContext,
  reference: string,
  body: UpdateTemplate,
  whose: Whose,
): Promise<void> {
  const { api, output, signal } = context
  const { uuid } = await findOf(context, reference, whose)
  const calls = whose.isShared ? api.admin.templates : api.templates
  const changed = await calls.update({ params: { uuid }, body }, { signal })
  printDone(output, `Changed the template ${escapeText(changed.name)}`, changed, uuid)
}

export async function removeTemplate(
  context: ApiContext,
  reference: string,
  { isShared, force }: Whose & { readonly force: boolean },
): Promise<void> {
  const { api, output, signal } = context
  const deed = { what: 'Deleting a template', flag: '--force', isSure: force }
  requireAsker(context, deed)
  const { uuid, name } = await findOf(context, reference, { isShared })
  await requireYes(context, deed, {
    question: `Delete the template ${escapeText(name)}? Containers stay.`,
    refused: 'Nothing was deleted.',
  })
  await (isShared ? api.admin.templates : api.templates).remove({ params: { uuid } }, { signal })
  printDone(output, `Deleted ${escapeText(name)}`, { uuid, name, deleted: true }, uuid)
}

/** By uuid or exact name: what is changed is never guessed. */
async function findOf(
  { api, signal }: ApiContext,
  reference: string,
  { isShared }: Whose,
): Promise<Template> {
  const all = await listAll((query) => api.templates.list({ query }, { signal }))
  const named = all.filter(({ name, uuid }) => name === reference || uuid === reference.toLowerCase())
  const found = named.find(({ shared }) => shared === isShared)
  if (found) return found
  throw new GpulabError('template_not_found', {
    message: isShared
      ? `There is no template "${reference}" of all teams.`
      : `Your team has no template "${reference}" of its own.`,
    hint: hintFor(named.length > 0, isShared),
  })
}

function hintFor(isOther: boolean, isShared: boolean): string {
  if (!isOther) return 'Write its whole name, or its uuid; gpulab templates lists them.'
  if (isShared) return 'There is one of your team: leave out --global.'
  return 'There is one of all teams, which administrators change with --global.'
}
