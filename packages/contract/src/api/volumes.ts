import { z } from 'zod'
import { empty, endpoint, json } from '../endpoint.ts'
import { volumeFiles } from './volume-files.ts'
import { Bytes, Name, PageQuery, pageOf, text, Timestamp, Uuid, VolumeDriver } from '../fields.ts'

/** What a user sees; `available` and `failed` last, the others pass. */
export const volumeStatuses = [
  'creating',
  'available',
  'resizing',
  'degraded',
  'failed',
  'deleting',
  'unreachable',
] as const

export const Volume = z
  .object({
    uuid: Uuid,
    name: z.string(),
    status: z.string().describe(`One of ${volumeStatuses.join(', ')}.`),
    status_reason: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .describe('Why it is in this status, or why its last resize failed.'),
    driver: z.string().describe('`local`: on one host; `moosefs` and `nfs`: for containers on any host.'),
    size_bytes: Bytes.describe('What it may hold.'),
    used_bytes: Bytes.nullable().describe('null where it is not known.'),
    enforced: z.boolean().nullable().describe('Whether it can hold no more than that; null: not known yet.'),
    shared: z.boolean().describe('Whether containers on different hosts can have it.'),
    host: z.string().nullable().describe('Where a volume of one host is.'),
    containers: z.array(
      z.object({ uuid: Uuid, name: z.string(), mount_path: z.string(), read_only: z.boolean() }),
    ),
    created_at: Timestamp,
  })
  .meta({ id: 'Volume' })
export type Volume = z.infer<typeof Volume>

const sizeMin = 256 << 20
const sizeMax = 2 ** 50
const Size = Bytes.min(sizeMin).max(sizeMax)

export const CreateVolume = z
  .object({
    name: Name,
    size_bytes: Size,
    driver: VolumeDriver.optional().describe('How it is kept (as the operator has chosen, else `local`).'),
    gpu_type: text(255)
      .optional()
      .describe('Of a local volume: on a host that has GPUs of this type, as its containers run there.'),
  })
  .meta({ id: 'CreateVolume' })
export type CreateVolume = z.infer<typeof CreateVolume>

const ById = z.object({ uuid: Uuid })
const base = '/v1/volumes'

export const volumes = {
  create: endpoint({
    method: 'POST',
    path: base,
    summary: 'Create a volume',
    scope: 'write',
    body: CreateVolume,
    result: json(Volume, 201),
    errors: ['volume_name_taken', 'gpu_type_not_found', 'no_space', 'quota_exceeded', 'not_available'],
    idempotency: 'replay',
  }),
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List volumes, the newest first',
    scope: 'read',
    query: PageQuery.extend({ name: text(63).optional().describe('Exact name.') }),
    result: json(pageOf(Volume)),
    errors: [],
  }),
  get: endpoint({
    method: 'GET',
    path: `${base}/:uuid`,
    summary: 'Show a volume',
    scope: 'read',
    params: ById,
    result: json(Volume),
    errors: ['volume_not_found'],
  }),
  resize: endpoint({
    method: 'PUT',
    path: `${base}/:uuid`,
    summary: 'Resize a volume, also while containers use it',
    scope: 'write',
    params: ById,
    body: z.object({ size_bytes: Size }),
    result: json(Volume),
    errors: ['volume_not_found', 'volume_wrong_state', 'volume_too_small', 'no_space', 'quota_exceeded'],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: `${base}/:uuid`,
    summary: 'Delete a volume that no container has, and all that is in it',
    scope: 'write',
    params: ById,
    result: empty(),
    errors: ['volume_not_found', 'volume_in_use'],
  }),
  files: volumeFiles,
}
