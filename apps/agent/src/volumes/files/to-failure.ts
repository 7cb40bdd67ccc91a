import { type ErrorCode, GpulabError } from '@gpulab/contract'

const codes: Readonly<Record<string, { readonly code: ErrorCode; readonly message: string }>> = {
  ENOENT: { code: 'path_not_found', message: 'There is no such file or folder in the volume.' },
  ENOTDIR: { code: 'path_conflict', message: 'It is not a folder, or lies below something that is none.' },
  EISDIR: { code: 'path_conflict', message: 'It is a folder.' },
  EEXIST: { code: 'path_conflict', message: 'Something else has this name.' },
  ENOTEMPTY: { code: 'path_conflict', message: 'The folder is not empty.' },
  EBUSY: { code: 'path_conflict', message: 'The root of a volume can not be changed.' },
  EXDEV: { code: 'path_conflict', message: 'It can not be moved there.' },
  EACCES: { code: 'path_not_allowed', message: 'It is neither a file nor a folder.' },
  EPERM: { code: 'path_not_allowed', message: 'The volume does not allow that.' },
  ELOOP: { code: 'path_not_allowed', message: 'Links lead in a circle there, or it is one.' },
  ENXIO: { code: 'path_not_allowed', message: 'It is neither a file nor a folder.' },
  ENODEV: { code: 'path_not_allowed', message: 'It is neither a file nor a folder.' },
  EROFS: { code: 'path_not_allowed', message: 'The volume can only be read now.' },
  E2BIG: { code: 'path_not_allowed', message: 'There is too much in it to be shown at once.' },
  EINVAL: { code: 'invalid_request', message: 'That is not a path in a volume, or leads into itself.' },
  ENAMETOOLONG: { code: 'invalid_request', message: 'A name has at most 255 bytes, and a path 4096.' },
  ENOSPC: { code: 'space_exhausted', message: 'The volume is full.' },
  EDQUOT: { code: 'space_exhausted', message: 'The volume is full.' },
  EPRECONDITION: { code: 'precondition_failed', message: 'The file has changed, or is there already.' },
  ERANGE: { code: 'range_invalid', message: 'The file has nothing at that range.' },
  EPIPE: { code: 'invalid_request', message: 'The body ended before all of it had come.' },
  ERR_STREAM_PREMATURE_CLOSE: { code: 'invalid_request', message: 'The body was cut.' },
  ECONNRESET: { code: 'invalid_request', message: 'The body was cut.' },
}

/** What users see of a failure of the worker's; `EIO` and the like are the volume's own trouble. */
export function toFileFailure({
  code,
  message,
}: {
  readonly code: string
  readonly message: string
}): GpulabError {
  const known = codes[code]
  const cause = new Error(`${code}: ${message}`)
  if (known) return new GpulabError(known.code, { message: known.message, cause })
  return new GpulabError('volume_unavailable', { message: `The volume answers with ${code}.`, cause })
}
