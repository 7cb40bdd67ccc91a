import { GpulabError } from '@gpulab/contract'
import { join, posix } from 'node:path'
import { openStdout } from '../sessions/standard-streams.ts'
import type { Copied, CopyJob } from './copy-job.ts'
import { toErrnoFailure } from './describe-errno.ts'
import { downloadFile } from './download-file.ts'
import { downloadTree } from './download-tree.ts'
import { type FileFacts, inContainer, probePaths } from './file-facts.ts'
import { findFacts, makeParents } from './local-files.ts'
import { type NamedPath, type Place, toNamedPath } from './place.ts'
import { decideTarget, type Source, type Target } from './target.ts'
import { busybox, toToolFailure } from './toolbox.ts'

type InContainer = Extract<Place, { kind: 'container' }>

interface Found {
  readonly source: Source
  readonly path: string
  readonly facts: FileFacts | undefined
}

/** From a container to this machine, or to standard output. */
export async function copyOut(job: CopyJob, source: Place, target: Place): Promise<Copied> {
  const found = await findSource(job, (source as InContainer).path)
  if (target.kind !== 'local') return streamOut(job, found)
  const { toolbox, progress, context } = job
  const place = await decide(job, found.source, toNamedPath(target.path, process.cwd()))
  const copied = { target: join(place.folder, place.name ?? '') }
  if (found.source.type === 'file' && found.facts) {
    const { folder, name = '' } = place
    const file = { source: found.path, facts: found.facts, folder, name }
    return { ...copied, ...(await downloadFile(toolbox, file, progress)) }
  }
  const onUnsafe = job.options.skipUnsafe
    ? (error: GpulabError): void => context.output.warn(`Left out: ${error.message}`)
    : undefined
  const isLink = found.source.type === 'link'
  const pack = (output: (bytes: Uint8Array) => Promise<void>): Promise<void> => packSource(job, found, output)
  const sourceId = `${toolbox.uuid}:${found.path}`
  await downloadTree({ sourceId, pack, isLink, target: place, onUnsafe }, progress)
  return { ...copied, sha256: null, resumedBytes: 0 }
}

async function packSource(
  { toolbox }: CopyJob,
  { source, path }: Found,
  output: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const [folder, what] = source.type === 'link' ? [posix.dirname(path), posix.basename(path)] : [path, '.']
  const argv = [busybox, 'tar', '-c', '-f', '-', '-C', folder, '--', what]
  const ended = await toolbox.run(argv, { output })
  if (ended.exitCode !== 0) throw toToolFailure(ended, inContainer(path))
}

async function findSource({ toolbox, options }: CopyJob, text: string): Promise<Found> {
  const { path, endsWithSlash, wantsContents } = toNamedPath(text, '/')
  const [probed] = await probePaths(toolbox, [path])
  const followLinks = options.followLink || endsWithSlash || wantsContents
  const type = probed?.isLink && !followLinks ? 'link' : probed?.facts?.type
  if (type === undefined) throw toErrnoFailure('ENOENT', inContainer(path))
  if (type === 'other') {
    throw new GpulabError('copy_failed', {
      message: `${inContainer(path)} is neither a file nor a folder.`,
      hint: 'What can be read from it comes through gpulab exec.',
    })
  }
  if (type === 'file' && (endsWithSlash || wantsContents)) throw toErrnoFailure('ENOTDIR', inContainer(path))
  return { source: { type, name: posix.basename(path), wantsContents }, path, facts: probed?.facts }
}

async function decide({ options }: CopyJob, source: Source, target: NamedPath): Promise<Target> {
  const { path } = target
  const find = async (each: string) => (await findFacts(each, { followLinks: true }))?.type
  const facts = {
    own: await find(path),
    parent: await find(join(path, '..')),
    inside: await find(join(path, source.name)),
  }
  const decided = decideTarget({ source, target, facts, parents: options.parents })
  if (decided.makes !== undefined) await makeParents(decided.makes)
  return decided
}

/** As `docker cp`: the source under its own name, or what is in it. */
async function streamOut({ toolbox, progress, options }: CopyJob, { source, path }: Found): Promise<Copied> {
  const [folder, what] =
    source.type === 'directory' && source.wantsContents ? [path, '.'] : [posix.dirname(path), source.name]
  const write = openStdout()
  const follow = options.followLink && source.type !== 'directory' ? ['-h'] : []
  const argv = [busybox, 'tar', '-c', ...follow, '-f', '-', '-C', folder, '--', what]
  const ended = await toolbox.run(argv, {
    output: async (bytes) => {
      await write(bytes)
      progress.bytes += bytes.length
    },
  })
  if (ended.exitCode !== 0) throw toToolFailure(ended, inContainer(path))
  return { target: '-', sha256: null, resumedBytes: 0 }
}
