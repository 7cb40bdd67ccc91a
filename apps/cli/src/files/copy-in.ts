import { GpulabError } from '@gpulab/contract'
import { hostname } from 'node:os'
import { basename, posix } from 'node:path'
import { packTree } from './archive/pack-tree.ts'
import { repack } from './archive/repack.ts'
import type { TarEntry } from '@gpulab/transport/tar-header'
import type { Copied, CopyJob } from './copy-job.ts'
import { toErrnoFailure } from './describe-errno.ts'
import { type FileFacts, inContainer, probePaths } from './file-facts.ts'
import { findFacts } from './local-files.ts'
import { type NamedPath, type Place, toNamedPath } from './place.ts'
import { decideTarget, type Source, type Target } from './target.ts'
import { busybox, toToolFailure } from './toolbox.ts'
import { uploadFile } from './upload-file.ts'
import { uploadTree } from './upload-tree.ts'

type InContainer = Extract<Place, { kind: 'container' }>

/** From this machine, or standard input, into a container. */
export async function copyIn(job: CopyJob, source: Place, target: Place): Promise<Copied> {
  const { toolbox, options, progress } = job
  const { path, reference } = target as InContainer
  const from = source.kind === 'local' ? await findSource(source.path, options.followLink) : undefined
  const named = toNamedPath(path, '/')
  const place = await decide(job, from?.source ?? streamSource, named)
  const copied = { target: `${reference}:${posix.join(place.folder, place.name ?? '')}` }
  if (!from) {
    const archive = (folders: TarEntry[]) => repack(process.stdin, Object.assign(progress, { folders }))
    try {
      await uploadTree(toolbox, { sourceId: `stdin ${process.pid}`, target: place, archive })
    } finally {
      // Whoever writes to it may never end.
      process.stdin.destroy()
    }
    return { ...copied, sha256: null, resumedBytes: 0 }
  }
  const sourceId = `${hostname()}:${from.path}`
  if (from.source.type === 'file') {
    const { folder, name = '' } = place
    const file = { source: from.path, sourceId, folder, name }
    return { ...copied, ...(await uploadFile(toolbox, file, progress)) }
  }
  await uploadTree(toolbox, { sourceId, target: place, ...toArchive(job, from, place) })
  return { ...copied, sha256: null, resumedBytes: 0 }
}

const streamSource: Source = { type: 'stream', name: '', wantsContents: true }

interface Found {
  readonly source: Source
  readonly path: string
  readonly facts: FileFacts
}

async function findSource(text: string, followLink: boolean): Promise<Found> {
  const { path, endsWithSlash, wantsContents } = toNamedPath(text, process.cwd())
  const followLinks = followLink || endsWithSlash || wantsContents
  const facts = await findFacts(path, { followLinks })
  if (!facts) throw toErrnoFailure('ENOENT', text)
  if (facts.type === 'other') {
    throw new GpulabError('copy_failed', {
      message: `${text} is neither a file nor a folder.`,
      hint: 'What a program writes can be sent through gpulab exec -i, or as an archive with -.',
    })
  }
  if (facts.type === 'file' && (endsWithSlash || wantsContents)) throw toErrnoFailure('ENOTDIR', text)
  return { source: { type: facts.type, name: basename(path), wantsContents }, path, facts }
}

async function decide({ toolbox, options }: CopyJob, source: Source, target: NamedPath): Promise<Target> {
  const { path } = target
  const [own, parent, inside] = await probePaths(toolbox, [
    path,
    posix.dirname(path),
    posix.join(path, source.name),
  ])
  const facts = { own: own?.facts?.type, parent: parent?.facts?.type, inside: inside?.facts?.type }
  const decided = decideTarget({ source, target, facts, parents: options.parents })
  if (decided.makes !== undefined) {
    const made = await toolbox.run([busybox, 'mkdir', '-p', '--', decided.makes])
    if (made.exitCode !== 0) throw toToolFailure(made, inContainer(decided.makes))
  }
  return decided
}

function toArchive({ context, progress }: CopyJob, { source, path, facts }: Found, target: Target) {
  const toBytes = (text: string): string => Buffer.from(text).toString('latin1')
  const skipped = (name: string): void =>
    context.output.warn(`${name} is neither a file, a folder nor a link, and was left out.`)
  const watch = (folders: TarEntry[]) => {
    // A second try begins anew.
    progress.bytes = 0
    progress.files = 0
    return Object.assign(progress, { skipped, folders })
  }
  if (source.type === 'link') {
    const names = new Map([[toBytes(basename(path)), toBytes(target.name ?? basename(path))]])
    const root = toBytes(posix.dirname(path))
    return { archive: (folders: TarEntry[]) => packTree({ root, names }, watch(folders)) }
  }
  return {
    ...(target.name !== undefined && { facts }),
    archive: (folders: TarEntry[]) => packTree({ root: toBytes(path) }, watch(folders)),
  }
}
