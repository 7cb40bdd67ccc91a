import { type FileEntry, GpulabError } from '@gpulab/contract'
import { constants } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { toErrnoFailure, toLocalFailure } from '../../files/describe-errno.ts'
import { downloadTree } from '../../files/download-tree.ts'
import { claimPart, findFacts, makeParents, syncFolder } from '../../files/local-files.ts'
import { toPartName } from '../../files/part-name.ts'
import { type NamedPath, type Place, toNamedPath } from '../../files/place.ts'
import { decideTarget, type Source, type Target } from '../../files/target.ts'
import { findEntry } from '../files.ts'
import type { VolumeCopied, VolumeJob } from './volume-job.ts'
import { streamFromVolume } from './stream-from-volume.ts'

export async function copyFromVolume(job: VolumeJob, from: Place, to: Place): Promise<VolumeCopied> {
  const { context, uuid, options, progress } = job
  const { path: inside } = from as Extract<Place, { kind: 'container' }>
  const { path, endsWithSlash, wantsContents } = toNamedPath(inside, '/')
  const entry = await findEntry(context, uuid, path)
  if (!entry) throw notFound(path)
  if (entry.type === 'file' && (endsWithSlash || wantsContents)) throw toErrnoFailure('ENOTDIR', path)
  if (entry.type === 'other') throw new GpulabError('path_not_allowed')
  const source: Source = {
    type: entry.type,
    name: posix.basename(path),
    wantsContents: wantsContents || path === '/',
  }
  if (to.kind === 'stream') return streamFromVolume(job, { path, source, entry })
  const { path: local } = to as Extract<Place, { kind: 'local' }>
  const target = await decide(source, toNamedPath(local, process.cwd()), options.parents)
  const copied = { target: join(target.folder, target.name ?? '') }
  if (entry.type === 'file') return { ...copied, resumedBytes: await downloadFile(job, path, entry, target) }
  const onUnsafe = options.skipUnsafe
    ? (error: GpulabError): void => context.output.warn(`Left out: ${error.message}`)
    : undefined
  const pack = async (write: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
    const { api, signal } = context
    const answer = await api.volumes.files.download({ params: { uuid }, query: { path } }, { signal })
    for await (const bytes of answer.body) await write(bytes)
  }
  await downloadTree({ sourceId: `${uuid}:${path}`, pack, isLink: false, target, onUnsafe }, progress)
  return { ...copied, resumedBytes: 0 }
}

const notFound = (path: string): GpulabError =>
  new GpulabError('path_not_found', { message: `There is no ${path} in the volume.` })

async function decide(source: Source, target: NamedPath, parents: boolean): Promise<Target> {
  const find = async (path: string) => (await findFacts(path, { followLinks: true }))?.type
  const facts = {
    own: await find(target.path),
    parent: await find(join(target.path, '..')),
    inside: await find(join(target.path, source.name)),
  }
  const decided = decideTarget({ source, target, facts, parents })
  if (decided.makes !== undefined) await makeParents(decided.makes)
  return decided
}

/** Into a part beside the target first. Gives how much an earlier try had brought of the very same file. */
async function downloadFile(
  { context: { api, signal }, uuid, progress }: VolumeJob,
  path: string,
  { size_bytes: sizeBytes, etag, mode, modified_at: modifiedAt }: FileEntry,
  { folder, name = posix.basename(path) }: Target,
): Promise<number> {
  const target = join(folder, name)
  progress.totalBytes = sizeBytes
  try {
    const part = await claimPart(folder, toPartName(name, `${uuid}:${path}`, { sizeBytes, modified: etag }))
    const offset = part.sizeBytes < sizeBytes ? part.sizeBytes : 0
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW
    const file = await open(part.path, flags, 0o600)
    try {
      const headers = offset > 0 ? { range: `bytes=${offset}-`, 'if-range': etag } : undefined
      const answer = await api.volumes.files.read(
        { params: { uuid }, query: { path } },
        { signal, ...(headers && { headers }) },
      )
      if (answer.headers['etag'] !== etag) throw changed(path)
      const start = answer.status === 206 ? offset : 0
      progress.bytes = start
      await file.truncate(start)
      let at = start
      for await (const bytes of answer.body) {
        await file.write(bytes, 0, bytes.length, at)
        at += bytes.length
        progress.bytes = at
      }
      if (at !== sizeBytes) throw new GpulabError('copy_failed', { message: `Of ${path} ${at} bytes came.` })
      await file.chmod(mode & 0o777)
      await file.utimes(new Date(), new Date(modifiedAt))
      await file.sync()
      await rename(part.path, target)
      await syncFolder(folder)
      progress.files++
      return start
    } finally {
      await file.close()
    }
  } catch (error) {
    throw toLocalFailure(error, target)
  }
}

const changed = (path: string): GpulabError =>
  new GpulabError('file_changed', {
    message: `${path} was written to while it was copied.`,
    hint: 'Try again.',
  })
