import { z } from 'zod'
import { bytes, empty, endpoint, file, json } from '../endpoint.ts'
import { Bytes, Flag, text, Timestamp, Uuid } from '../fields.ts'

export const FileEntry = z
  .object({
    name: z.string(),
    name_base64: z.string().nullable().describe('The bytes of a name that is not UTF-8.'),
    type: z.enum(['file', 'directory', 'link', 'other']),
    size_bytes: Bytes,
    modified_at: Timestamp,
    mode: z.int().describe('Permission bits.'),
    uid: z.int(),
    gid: z.int(),
    etag: z.string().describe('Another one after every change of the file.'),
    target: z.string().nullable().describe('Where a link leads.'),
  })
  .meta({ id: 'FileEntry' })
export type FileEntry = z.infer<typeof FileEntry>

const pathMax = 4096
/** Twice as much as four bytes of path need. */
const base64Max = 8192

export const entriesMax = 10_000

const Path = text(pathMax)
const PathBase64 = z.base64().max(base64Max)

const ById = z.object({ uuid: Uuid })
/** `/` is the root of the volume, which containers see at their mount path. */
const PathQuery = z.object({
  path: Path.optional().describe('From the root of the volume.'),
  path_base64: PathBase64.optional().describe('Instead of `path`: its bytes, where they are not UTF-8.'),
})
export type PathQuery = z.infer<typeof PathQuery>

export const ListFilesQuery = z.object({
  limit: z.coerce.number().int().min(1).max(entriesMax).default(1000),
  cursor: text(400).optional(),
})
export const StoreQuery = z.object({
  parents: Flag.optional().describe('Make the folders that it is in.'),
  mode: z.coerce.number().int().min(0).max(0o777).default(0o644).describe('Of a file that was not there.'),
})

const base = '/v1/volumes/:uuid/files'
const shared = ['volume_not_found', 'volume_wrong_state', 'volume_unavailable', 'host_unreachable'] as const
const onPaths = [...shared, 'path_not_found', 'path_not_allowed', 'path_conflict'] as const
const onWrites = [...onPaths, 'precondition_failed', 'space_exhausted'] as const

export const volumeFiles = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List a folder of a volume, by the bytes of the names',
    scope: 'read',
    params: ById,
    query: PathQuery.extend(ListFilesQuery.shape),
    result: json(z.object({ items: z.array(FileEntry), next_cursor: z.string().nullable() })),
    errors: [...onPaths],
  }),
  stat: endpoint({
    method: 'GET',
    path: `${base}/info`,
    summary: 'Show one entry of a volume',
    scope: 'read',
    params: ById,
    query: PathQuery.extend({ follow: Flag.optional().describe('Of a link: what it leads to.') }),
    result: json(FileEntry),
    errors: [...onPaths],
  }),
  read: endpoint({
    method: 'GET',
    path: `${base}/content`,
    summary: 'Read a file of a volume, or a part of it',
    scope: 'read',
    params: ById,
    query: PathQuery,
    result: file(),
    errors: [...onPaths, 'range_invalid'],
  }),
  write: endpoint({
    method: 'PUT',
    path: `${base}/content`,
    summary: 'Write a file of a volume: it is there as a whole, or as it was',
    scope: 'write',
    conditional: true,
    params: ById,
    query: PathQuery.extend(StoreQuery.shape),
    body: bytes(),
    result: json(FileEntry),
    errors: [...onWrites],
  }),
  upload: endpoint({
    method: 'POST',
    path: `${base}/upload`,
    summary: 'Upload a file to a volume, with the folders that it is in',
    scope: 'write',
    conditional: true,
    params: ById,
    query: PathQuery.extend({ mode: StoreQuery.shape.mode }),
    body: bytes(),
    result: json(FileEntry, 201),
    errors: [...onWrites],
  }),
  download: endpoint({
    method: 'GET',
    path: `${base}/download`,
    summary: 'Download a file of a volume, or a folder as a tar archive',
    scope: 'read',
    params: ById,
    query: PathQuery,
    result: file(),
    errors: [...onPaths, 'range_invalid'],
  }),
  makeFolder: endpoint({
    method: 'POST',
    path: `${base}/folders`,
    summary: 'Make a folder in a volume',
    scope: 'write',
    idempotency: 'once',
    params: ById,
    body: PathQuery.extend({ parents: z.boolean().default(false).describe('Those that it is in as well.') }),
    result: json(FileEntry, 201),
    errors: [...onPaths, 'space_exhausted'],
  }),
  makeLink: endpoint({
    method: 'POST',
    path: `${base}/links`,
    summary: 'Make a symbolic link in a volume, or have one lead elsewhere',
    scope: 'write',
    idempotency: 'once',
    params: ById,
    body: PathQuery.extend({
      target: Path.optional().describe('Where it leads, as it is: nothing needs to be there.'),
      target_base64: PathBase64.optional(),
    }),
    result: json(FileEntry, 201),
    errors: [...onPaths, 'space_exhausted'],
  }),
  move: endpoint({
    method: 'POST',
    path: `${base}/move`,
    summary: 'Give an entry of a volume another name or place',
    scope: 'write',
    idempotency: 'once',
    params: ById,
    body: z.object({
      from: Path.optional(),
      from_base64: PathBase64.optional(),
      to: Path.optional(),
      to_base64: PathBase64.optional(),
      overwrite: z.boolean().default(false).describe('Take the place of a file that is there.'),
    }),
    result: json(FileEntry),
    errors: [...onPaths],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: base,
    summary: 'Delete an entry of a volume',
    scope: 'write',
    params: ById,
    query: PathQuery.extend({ recursive: Flag.optional().describe('Of a folder: with all that is in it.') }),
    result: empty(),
    errors: [...onPaths],
  }),
}
