import { entriesMax, type FileEntry, GpulabError } from '@gpulab/contract'
import type { ApiContext } from '../base-command.ts'

type Lookup = Pick<ApiContext, 'api' | 'signal'>

/** All entries of a folder; a folder of hundreds of thousands comes in pages. */
export async function* listEntries(
  { api, signal }: Lookup,
  uuid: string,
  path: string,
): AsyncGenerator<FileEntry> {
  let cursor: string | undefined
  do {
    const query = { path, limit: entriesMax, ...(cursor !== undefined && { cursor }) }
    const page = await api.volumes.files.list({ params: { uuid }, query }, { signal })
    yield* page.items
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}

/** What is there, links followed; undefined where nothing is. */
export async function findEntry(
  { api, signal }: Lookup,
  uuid: string,
  path: string,
): Promise<FileEntry | undefined> {
  try {
    return await api.volumes.files.stat({ params: { uuid }, query: { path, follow: 'true' } }, { signal })
  } catch (error) {
    const isMissing = error instanceof GpulabError && error.code === 'path_not_found'
    const isBelowFile = error instanceof GpulabError && error.code === 'path_conflict'
    if (isMissing || isBelowFile) return undefined
    throw error
  }
}
