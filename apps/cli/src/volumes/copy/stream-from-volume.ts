import type { FileEntry } from '@gpulab/contract'
import { encodeTarHeader, paddingBytes, tarEnd, type TarEntry } from '@gpulab/transport/tar-header'
import { createTarReader } from '../../files/archive/read-tar.ts'
import type { Source } from '../../files/target.ts'
import { openStdout } from '../../sessions/standard-streams.ts'
import type { VolumeCopied, VolumeJob } from './volume-job.ts'

interface Found {
  readonly path: string
  readonly source: Source
  readonly entry: FileEntry
}

/** As a tar archive on standard output: the source under its own name, or what is in it. */
export async function streamFromVolume(job: VolumeJob, found: Found): Promise<VolumeCopied> {
  const { progress } = job
  const stdout = openStdout()
  const put = async (entry: TarEntry, content: AsyncIterable<Uint8Array>): Promise<void> => {
    await stdout(encodeTarHeader(entry))
    if (entry.type !== 'directory') progress.files++
    if (entry.type !== 'file') return
    for await (const bytes of content) {
      await stdout(bytes)
      progress.bytes += bytes.length
    }
    const padding = paddingBytes(entry.sizeBytes)
    if (padding > 0) await stdout(Buffer.alloc(padding))
  }
  if (found.entry.type === 'file') await putFile(job, found, put)
  else await putFolder(job, found, put)
  await stdout(tarEnd)
  return { target: '-', resumedBytes: 0 }
}

type Put = (entry: TarEntry, content: AsyncIterable<Uint8Array>) => Promise<void>

async function putFile({ context: { api, signal }, uuid }: VolumeJob, found: Found, put: Put): Promise<void> {
  const { path, source, entry } = found
  const answer = await api.volumes.files.read({ params: { uuid }, query: { path } }, { signal })
  // What the answer has, which may be newer than the entry.
  const sizeBytes = Number(answer.headers['content-length'] ?? entry.size_bytes)
  const [name, modified] = [Buffer.from(source.name).toString('latin1'), Date.parse(entry.modified_at) / 1000]
  await put({ type: 'file', name, mode: entry.mode, modified, sizeBytes, target: '' }, answer.body)
}

async function putFolder(
  { context: { api, signal }, uuid }: VolumeJob,
  found: Found,
  put: Put,
): Promise<void> {
  const { path, source } = found
  const prefix = source.wantsContents ? '.' : Buffer.from(source.name).toString('latin1')
  const answer = await api.volumes.files.download({ params: { uuid }, query: { path } }, { signal })
  const reader = createTarReader(async (entry, content) => {
    const below = entry.name.replace(/^\.\/?/, '').replace(/\/+$/, '')
    const name = below === '' ? prefix : `${prefix}/${below}`
    await put({ ...entry, type: entry.type as TarEntry['type'], name }, content)
  })
  for await (const bytes of answer.body) await reader.write(bytes)
  await reader.finish()
}
