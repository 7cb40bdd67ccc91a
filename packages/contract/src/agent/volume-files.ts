import { z } from 'zod'
import { FileEntry, ListFilesQuery, StoreQuery } from '../api/volume-files.ts'
import { bytes, empty, endpoint, file, json } from '../endpoint.ts'
import { Bytes, Flag, Uuid } from '../fields.ts'

const ById = z.object({ uuid: Uuid })
/** Paths are bytes here: whatever was given, as base64. */
const PathBase64 = z.base64().max(16_384)
const ByPath = z.object({ path: PathBase64 })
const base = '/volumes/:uuid/files'
const shared = [
  'volume_not_found',
  'volume_unavailable',
  'path_not_found',
  'path_not_allowed',
  'path_conflict',
] as const

/** As the public calls, which say what the fields mean. */
export const volumeFiles = {
  list: endpoint({
    method: 'GET',
    path: base,
    summary: 'List a folder of a volume',
    scope: 'host',
    params: ById,
    query: ByPath.extend(ListFilesQuery.shape),
    result: json(z.object({ items: z.array(FileEntry), next_cursor: z.string().nullable() })),
    errors: [...shared],
  }),
  stat: endpoint({
    method: 'GET',
    path: `${base}/info`,
    summary: 'Show one entry of a volume',
    scope: 'host',
    params: ById,
    query: ByPath.extend({ follow: Flag.optional() }),
    result: json(FileEntry),
    errors: [...shared],
  }),
  read: endpoint({
    method: 'GET',
    path: `${base}/content`,
    summary: 'Read a file of a volume, or a part of it',
    scope: 'host',
    params: ById,
    query: ByPath,
    result: file(),
    errors: [...shared, 'range_invalid'],
  }),
  archive: endpoint({
    method: 'GET',
    path: `${base}/archive`,
    summary: 'Read a folder of a volume as a tar archive',
    scope: 'host',
    params: ById,
    query: ByPath,
    result: bytes('application/x-tar'),
    errors: [...shared],
  }),
  write: endpoint({
    method: 'PUT',
    path: `${base}/content`,
    summary: 'Write a file of a volume',
    scope: 'host',
    conditional: true,
    params: ById,
    query: ByPath.extend(StoreQuery.shape).extend({
      size: z.coerce.number().pipe(Bytes).optional().describe('How many bytes have to come.'),
    }),
    body: bytes(),
    result: json(FileEntry),
    errors: [...shared, 'precondition_failed', 'space_exhausted'],
  }),
  makeFolder: endpoint({
    method: 'POST',
    path: `${base}/folders`,
    summary: 'Make a folder in a volume',
    scope: 'host',
    params: ById,
    body: ByPath.extend({ parents: z.boolean() }),
    result: empty(),
    errors: [...shared, 'space_exhausted'],
  }),
  makeLink: endpoint({
    method: 'POST',
    path: `${base}/links`,
    summary: 'Make a symbolic link in a volume',
    scope: 'host',
    params: ById,
    body: ByPath.extend({ target: PathBase64 }),
    result: empty(),
    errors: [...shared, 'space_exhausted'],
  }),
  move: endpoint({
    method: 'POST',
    path: `${base}/move`,
    summary: 'Give an entry of a volume another name or place',
    scope: 'host',
    params: ById,
    body: z.object({ from: PathBase64, to: PathBase64, overwrite: z.boolean() }),
    result: empty(),
    errors: [...shared],
  }),
  remove: endpoint({
    method: 'DELETE',
    path: base,
    summary: 'Delete an entry of a volume',
    scope: 'host',
    params: ById,
    query: ByPath.extend({ recursive: Flag.optional() }),
    result: empty(),
    errors: [...shared],
  }),
}
