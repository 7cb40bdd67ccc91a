import type { CreateTemplate, Template, UpdateTemplate } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { matchByName } from '../match.ts'
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
  const own = all.filter(({ shared }) => shared === isShared)
  const exact = own.filter(({ name, uuid }) => name === reference || uuid === reference.toLowerCase())
  return matchByName(exact[0]?.name ?? reference, exact, { noun: 'template', notFound: 'template_not_found' })
}
