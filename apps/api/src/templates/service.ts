import { type CreateTemplate, GpulabError, type Template, type UpdateTemplate } from '@gpulab/contract'
import { randomUUID } from 'node:crypto'
import { checkImage } from '../containers/check-image.ts'
import { toArgv } from '../containers/to-argv.ts'
import { toPage } from '../db/page.ts'
import type { Deps } from '../deps.ts'
import { checkMountPaths } from '../volumes/mount-paths.ts'
import type { Remember } from '../idempotency/service.ts'
import {
  findTemplate,
  findTemplateOf,
  insertTemplate,
  listTemplates,
  type NewTemplate,
  type TemplateQuery,
  type TemplateRow,
  updateTemplate,
} from './store.ts'

type Parts = Pick<Deps, 'db' | 'config' | 'clock'>
/** Whose templates are dealt with: a team's own, or those of all teams. */
export type TemplateOwner = string | null

const uuidShape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const notFound = (reference: string): GpulabError =>
  new GpulabError('template_not_found', {
    message: `There is no template ${reference}.`,
    hint: 'gpulab templates lists them.',
  })

/** What the team may deploy, by uuid or exact name. */
export async function getTemplate(
  { db }: Pick<Deps, 'db'>,
  teamUuid: string,
  reference: string,
): Promise<TemplateRow> {
  const row = await findTemplate(
    db,
    teamUuid,
    uuidShape.test(reference) ? { uuid: reference } : { name: reference },
  )
  if (!row) throw notFound(reference)
  return row
}

export async function pageTemplates(
  { db }: Pick<Deps, 'db'>,
  { cursor, ...query }: Omit<TemplateQuery, 'after'> & { cursor: string | undefined },
) {
  const [name = '', uuid = ''] = cursor?.split(' ') ?? []
  if (cursor !== undefined && !uuidShape.test(uuid)) {
    throw new GpulabError('invalid_request', { message: 'query.cursor: is not one of ours' })
  }
  const after = cursor === undefined ? undefined : { name, uuid }
  const rows = await listTemplates(db, { ...query, after, limit: query.limit + 1 })
  const page = toPage(rows, query.limit, (last) => `${last.name} ${last.uuid}`)
  return { ...page, items: page.items.map(toTemplate) }
}

export async function createTemplate(
  { db, config, clock }: Parts,
  owner: TemplateOwner,
  { name, type, ...fields }: CreateTemplate,
  remember: Remember,
): Promise<Template> {
  const uuid = randomUUID()
  const row = {
    ...toFields(config, fields),
    uuid,
    teamUuid: owner,
    name,
    type,
    image: fields.image,
    ports: [...new Set(fields.ports)],
    memoryBytes: fields.memory_bytes,
    standInFor: null,
    changedAt: clock.now(),
  }
  await db.transaction(async (tx) => {
    const isStored = await insertTemplate(tx, row)
    if (!isStored) {
      throw new GpulabError('template_name_taken', {
        message: `There is a template named ${name} already.`,
        hint: 'Choose another name, or change that one.',
      })
    }
    await remember(tx, uuid)
  })
  return showTemplate({ db }, owner, uuid)
}

export async function changeTemplate(
  { db, config, clock }: Parts,
  owner: TemplateOwner,
  uuid: string,
  fields: UpdateTemplate,
): Promise<Template> {
  await showTemplate({ db }, owner, uuid)
  const values = {
    ...(fields.type !== undefined && { type: fields.type }),
    ...(fields.image !== undefined && { standInFor: null }),
    ...toFields(config, fields),
    changedAt: clock.now(),
  }
  await updateTemplate(db, uuid, values)
  return showTemplate({ db }, owner, uuid)
}

export async function removeTemplate(
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
  owner: TemplateOwner,
  uuid: string,
): Promise<void> {
  await showTemplate({ db }, owner, uuid)
  await updateTemplate(db, uuid, { deletedAt: clock.now() })
}

export async function showTemplate(
  { db }: Pick<Deps, 'db'>,
  owner: TemplateOwner,
  uuid: string,
): Promise<Template> {
  const row = await findTemplateOf(db, owner, uuid)
  if (!row) throw notFound(uuid)
  return toTemplate(row)
}

/** Those that are named. */
function toFields({ registries }: Deps['config'], fields: UpdateTemplate): Partial<NewTemplate> {
  const { image, ports, env, memory_bytes, disk_bytes, volumes, min_gpu_memory_bytes, command } = fields
  checkImage(image, registries)
  return {
    ...(image !== undefined && { image }),
    ...(ports !== undefined && { ports: [...new Set(ports)] }),
    ...(env !== undefined && { env }),
    ...(memory_bytes !== undefined && { memoryBytes: memory_bytes }),
    ...(disk_bytes !== undefined && { diskBytes: disk_bytes }),
    ...(volumes !== undefined && { volumes: toMountable(volumes) }),
    ...(min_gpu_memory_bytes !== undefined && { minGpuMemoryBytes: min_gpu_memory_bytes }),
    ...(command !== undefined && { command: toArgv(command ?? undefined) ?? null }),
  }
}

/** With paths as they are compared. Whether a team has the volumes shows when it deploys. */
function toMountable(volumes: Template['volumes']): Template['volumes'] {
  const paths = checkMountPaths(volumes.map(({ mount_path: path }) => path))
  return volumes.map((volume, index) => ({ ...volume, mount_path: paths[index] as string }))
}

export const toTemplate = (row: TemplateRow): Template => ({
  uuid: row.uuid,
  name: row.name,
  type: row.type,
  shared: row.teamUuid === null,
  image: row.image,
  stand_in_for: row.standInFor,
  ports: row.ports,
  env: row.env,
  memory_bytes: row.memoryBytes,
  disk_bytes: row.diskBytes,
  volumes: row.volumes,
  min_gpu_memory_bytes: row.minGpuMemoryBytes,
  command: row.command,
})
