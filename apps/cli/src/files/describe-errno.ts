import { type ErrorCode, GpulabError } from '@gpulab/contract'

interface Row {
  readonly code: ErrorCode
  readonly says: string
  readonly hint?: string
}

const notAllowed = { code: 'path_not_allowed', says: 'permission denied' } as const

/** What the kernel's errors mean for a copy. */
const rows: Readonly<Record<string, Row>> = {
  ENOENT: { code: 'path_not_found', says: 'no such file or folder' },
  ENOTDIR: { code: 'path_conflict', says: 'something on the way, or of this name, is not a folder' },
  EISDIR: { code: 'path_conflict', says: 'a folder of this name is in the way' },
  ENOTEMPTY: { code: 'path_conflict', says: 'a folder of this name has been made meanwhile' },
  EEXIST: { code: 'path_conflict', says: 'something of this name has been made meanwhile' },
  ELOOP: { code: 'path_conflict', says: 'a symbolic link is in the way, or too many follow each other' },
  EMLINK: { code: 'path_conflict', says: 'the file has a second name, through which it would be written' },
  EACCES: notAllowed,
  EPERM: { ...notAllowed, says: 'not permitted' },
  EROFS: {
    ...notAllowed,
    says: 'the file system is read-only',
    hint: 'Choose a path on a volume or under /tmp.',
  },
  ENOSPC: { code: 'space_exhausted', says: 'no space is left', hint: 'Free some, or choose another place.' },
  EDQUOT: {
    code: 'space_exhausted',
    says: 'the quota is used up',
    hint: 'Free some, or choose another place.',
  },
  EFBIG: { code: 'space_exhausted', says: 'the file is larger than may be here' },
  EMFILE: { code: 'copy_failed', says: 'folders lie too deep in each other' },
  ENAMETOOLONG: { code: 'copy_failed', says: 'the name is too long for this system' },
  EILSEQ: { code: 'copy_failed', says: 'this file system cannot have such a name' },
  ESTALE: {
    code: 'file_changed',
    says: 'it was written to while it was copied',
    hint: 'Try again when it rests.',
  },
  EOPNOTSUPP: {
    code: 'copy_failed',
    says: 'how long it is shows only when it is read',
    hint: 'What can be read from it comes through gpulab exec.',
  },
  EINVAL: { code: 'copy_failed', says: 'it is neither a file nor a folder' },
}

/** As users write it: "/etc/x in the container", "./x". */
export function toErrnoFailure(errno: string, where: string, cause?: unknown): GpulabError {
  const { code, says, hint } = rows[errno] ?? {
    code: 'copy_failed' as const,
    says: `it failed with ${errno}`,
  }
  return new GpulabError(code, { message: `${where}: ${says}.`, ...(hint !== undefined && { hint }), cause })
}

/** What Node throws for a file of this machine. */
export function toLocalFailure(error: unknown, where: string): unknown {
  if (error instanceof GpulabError || !(error instanceof Error)) return error
  const { code } = error as NodeJS.ErrnoException
  return code === undefined || !/^E[A-Z0-9]+$/.test(code) ? error : toErrnoFailure(code, where, error)
}
