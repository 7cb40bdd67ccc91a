import { GpulabError } from '@gpulab/contract'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { applyOwn, Extraction } from './archive/extraction.ts'
import { type ArchiveEntry, createTarReader } from './archive/read-tar.ts'
import { toLocalFailure } from './describe-errno.ts'
import { claimPart, syncFolder } from './local-files.ts'
import { mergeFolder } from './local-merge.ts'
import { toPartName } from './part-name.ts'
import type { Progress } from './progress.ts'
import type { Target } from './target.ts'

export interface DownloadTreeInput {
  /** What it is a copy of, for its part to be known again. */
  readonly sourceId: string
  /** Writes the source as a tar archive: a folder as `.`, a link under its own name. */
  readonly pack: (write: (bytes: Uint8Array) => Promise<void>) => Promise<void>
  /** A symbolic link, which stays one; else a folder. */
  readonly isLink: boolean
  readonly target: Target
  /** Gets what was left out; without it, such an entry ends the copy. */
  readonly onUnsafe: ((error: GpulabError) => void) | undefined
}

/** Into a folder of ours beside the target first; a rename makes it the target, or moves what is in it there. */
export async function downloadTree(input: DownloadTreeInput, progress: Progress): Promise<void> {
  const { sourceId, target } = input
  const where = join(target.folder, target.name ?? '')
  try {
    const partName = toPartName(target.name ?? '.', sourceId)
    const { path: staging } = await claimPart(target.folder, partName)
    await mkdir(staging, { mode: 0o700 })
    try {
      const extraction = new Extraction(toBytes(staging), progress)
      await receive(input, extraction)
      await place(extraction, staging, input)
    } finally {
      await rm(staging, { recursive: true, force: true })
    }
    await syncFolder(target.folder)
  } catch (error) {
    throw toLocalFailure(error, where)
  }
}

async function receive(input: DownloadTreeInput, extraction: Extraction): Promise<void> {
  const { pack, isLink, target, onUnsafe } = input
  const reader = createTarReader(async (entry: ArchiveEntry, content) => {
    const named = isLink ? { ...entry, name: toBytes(target.name ?? '') } : entry
    try {
      await extraction.add(named, content)
    } catch (error) {
      if (!onUnsafe || !(error instanceof GpulabError) || error.code !== 'archive_unsafe') throw error
      onUnsafe(error)
    }
  })
  await pack(reader.write)
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
