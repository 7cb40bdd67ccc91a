import { GpulabError, type Template } from '@gpulab/contract'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { findTemplate, listTemplates, type TemplateQuery, type TemplateRow } from './store.ts'

const uuidShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** By uuid or exact name. */
export async function getTemplate({ db }: Pick<Deps, 'db'>, reference: string): Promise<TemplateRow> {
  const row = await findTemplate(db, uuidShape.test(reference) ? { uuid: reference } : { name: reference })
  if (row) return row
  throw new GpulabError('template_not_found', {
    message: `There is no template ${reference}.`,
    hint: 'gpulab templates lists them.',
  })
}

export async function pageTemplates({ db }: Pick<Deps, 'db'>, query: TemplateQuery) {
  const rows = await listTemplates(db, { ...query, limit: query.limit + 1 })
  const page = toPage(rows, query.limit, ({ name }) => name)
  return { ...page, items: page.items.map(toTemplate) }
}

export function toTemplate(row: TemplateRow): Template {
  const { uuid, name, type, image, standInFor, ports, memoryBytes, command } = row
  return { uuid, name, type, image, stand_in_for: standInFor, ports, memory_bytes: memoryBytes, command }
}
