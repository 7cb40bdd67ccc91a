import { GpulabError } from '@gpulab/contract'
import { createReadStream } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { basename, posix } from 'node:path'
import { toErrnoFailure, toLocalFailure } from '../../files/describe-errno.ts'
import { findFacts } from '../../files/local-files.ts'
import { type Place, toNamedPath } from '../../files/place.ts'
import type { Source } from '../../files/target.ts'
import type { VolumeCopied, VolumeJob } from './volume-job.ts'
import { decideInVolume } from './decide-in-volume.ts'
import { streamToVolume } from './stream-to-volume.ts'
import { makeFolder, makeLink, writeFile } from './write-volume.ts'

/** Files at a time: each is a request of its own. */
const atOnce = 8
const chunkBytes = 1 << 20

export async function copyToVolume(job: VolumeJob, from: Place, to: Place): Promise<VolumeCopied> {
  if (from.kind === 'stream') return streamToVolume(job, to)
  const { path: local } = from as Extract<Place, { kind: 'local' }>
  const { path: inside, reference } = to as Extract<Place, { kind: 'container' }>
  const { path, endsWithSlash, wantsContents } = toNamedPath(local, process.cwd())
  const facts = await findFacts(path, { followLinks: true })
  if (!facts) throw toErrnoFailure('ENOENT', path)
  if (facts.type === 'file' && (endsWithSlash || wantsContents)) throw toErrnoFailure('ENOTDIR', path)
  const source: Source = { type: facts.type, name: basename(path), wantsContents }
  const target = await decideInVolume(job, source, inside)
  const copied = { target: `${reference}:${posix.join(target.folder, target.name ?? '')}`, resumedBytes: 0 }
  if (facts.type === 'file') {
    job.progress.totalBytes = facts.sizeBytes
    await uploadFile(job, path, posix.join(target.folder, target.name ?? source.name))
  } else if (facts.type === 'directory') {
    await uploadFolder(job, path, posix.join(target.folder, target.name ?? ''))
  } else {
    throw new GpulabError('copy_failed', { message: `${path} is neither a file nor a folder.` })
  }
  return copied
}

/** With the length that the file has when it is opened: the volume gets that much of it, or nothing. */
async function uploadFile(
  { context, uuid, progress }: VolumeJob,
  from: string | Buffer,
  to: string | Buffer,
): Promise<void> {
  await using file = await open(from).catch((error: unknown) => {
    throw toLocalFailure(error, from.toString())
  })
  const { size, mode } = await file.stat()
  const count = async function* () {
    if (size === 0) return
    const source = createReadStream('', {
      fd: file.fd,
      autoClose: false,
      end: size - 1,
      highWaterMark: chunkBytes,
    })
    for await (const chunk of source as AsyncIterable<Buffer>) {
      progress.bytes += chunk.length
      yield chunk
    }
  }
  await writeFile({ context, uuid }, { path: to, mode, sizeBytes: size, body: count() })
  progress.files++
}

async function uploadFolder(job: VolumeJob, from: string, to: string): Promise<void> {
  const files: { from: Buffer; to: Buffer }[] = []
  const links: { from: Buffer; to: Buffer }[] = []
  const walk = async (folder: Buffer, target: Buffer): Promise<void> => {
    await makeFolder(job, target)
    // Without their types, which Bun leaves out where names are bytes.
    for (const name of await readdir(folder, { encoding: 'buffer' })) {
      const [path, inside] = [below(folder, name), below(target, name)]
      const facts = await lstat(path)
      if (facts.isDirectory()) await walk(path, inside)
      else if (facts.isFile()) files.push({ from: path, to: inside })
      else if (facts.isSymbolicLink()) links.push({ from: path, to: inside })
      else job.context.output.warn(`Left out: ${path.toString()} is neither a file, a folder nor a link.`)
    }
  }
  await walk(Buffer.from(from), Buffer.from(to))
  const next = files.values()
  const work = async (): Promise<void> => {
    for (const file of next) await uploadFile(job, file.from, file.to)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  // Last: nothing that is copied goes through them.
  for (const link of links) {
    const target = await readlink(link.from, 'latin1')
    await makeLink(job, link.to, Buffer.from(target, 'latin1'))
    job.progress.files++
  }
}

const below = (folder: Buffer, name: Buffer): Buffer => Buffer.concat([folder, Buffer.from('/'), name])
