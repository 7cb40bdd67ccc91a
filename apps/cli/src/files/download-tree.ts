import { GpulabError } from '@gpulab/contract'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { applyOwn, Extraction } from './archive/extraction.ts'
import { type ArchiveEntry, createTarReader } from './archive/read-tar.ts'
import { toLocalFailure } from './describe-errno.ts'
import { inContainer } from './file-facts.ts'
import { claimPart, syncFolder } from './local-files.ts'
import { mergeFolder } from './local-merge.ts'
import { toPartName } from './part-name.ts'
import type { Progress } from './progress.ts'
import type { Target } from './target.ts'
import { busybox, type Toolbox, toToolFailure } from './toolbox.ts'

export interface DownloadTreeInput {
  readonly source: string
  /** A symbolic link, which stays one; else a folder. */
  readonly isLink: boolean
  readonly target: Target
  /** Gets what was left out; without it, such an entry ends the copy. */
  readonly onUnsafe: ((error: GpulabError) => void) | undefined
}

/** Into a folder of ours beside the target first; a rename makes it the target, or moves what is in it there. */
export async function downloadTree(
  toolbox: Toolbox,
  input: DownloadTreeInput,
  progress: Progress,
): Promise<void> {
  const { source, target } = input
  const where = join(target.folder, target.name ?? '')
  try {
    const partName = toPartName(target.name ?? '.', `${toolbox.uuid}:${source}`)
    const { path: staging } = await claimPart(target.folder, partName)
    await mkdir(staging, { mode: 0o700 })
    try {
      const extraction = new Extraction(toBytes(staging), progress)
      await receive(toolbox, input, extraction)
      await place(extraction, staging, input)
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
    await syncFolder(target.folder)
  } catch (error) {
    throw toLocalFailure(error, where)
  }
}

async function receive(toolbox: Toolbox, input: DownloadTreeInput, extraction: Extraction): Promise<void> {
  const { source, isLink, target, onUnsafe } = input
  const reader = createTarReader(async (entry: ArchiveEntry, content) => {
    const named = isLink ? { ...entry, name: toBytes(target.name ?? '') } : entry
    try {
      await extraction.add(named, content)
    } catch (error) {
      if (!onUnsafe || !(error instanceof GpulabError) || error.code !== 'archive_unsafe') throw error
      onUnsafe(error)
    }
  })
  const [folder, what] = isLink ? [posix.dirname(source), posix.basename(source)] : [source, '.']
  const argv = [busybox, 'tar', '-c', '-f', '-', '-C', folder, '--', what]
  const ended = await toolbox.run(argv, { output: reader.write })
  if (ended.exitCode !== 0) throw toToolFailure(ended, inContainer(source))
  await reader.finish()
}

async function place(
  extraction: Extraction,
  staging: string,
  { target, isLink }: DownloadTreeInput,
): Promise<void> {
  const { folder, name } = target
  if (isLink || name === undefined) {
    mergeFolder(toBytes(staging), toBytes(folder))
    // Only now: a folder that may not be written to cannot be moved.
    extraction.applyFolders(toBytes(folder))
    return
  }
  extraction.applyFolders(toBytes(staging))
  const path = join(folder, name)
  await rename(staging, path)
  if (extraction.own) applyOwn(toBytes(path), extraction.own)
}

const toBytes = (path: string): string => Buffer.from(path).toString('latin1')
