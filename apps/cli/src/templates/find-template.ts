import type { Template } from '@gpulab/contract'
import type { ApiContext } from '../context.ts'
import { matchByName } from '../match.ts'
import { listAll } from '../pages.ts'

/** By uuid, name, or a part of it that only one has. */
export async function findTemplate(
  { api, signal }: Pick<ApiContext, 'api' | 'signal'>,
  text: string,
): Promise<Template> {
  const templates = await listAll((page) => api.templates.list({ query: page }, { signal }))
  const byUuid = templates.find(({ uuid }) => uuid === text.toLowerCase())
  return byUuid ?? matchByName(text, templates, { noun: 'template', notFound: 'template_not_found' })
}
