import { GpulabError } from '@gpulab/contract'
import { posix } from 'node:path'
import { createTarReader } from '../../files/archive/read-tar.ts'
import { toText, unsafe } from '../../files/archive/safe-entry.ts'
import type { Place } from '../../files/place.ts'
import { decideInVolume } from './decide-in-volume.ts'
import type { VolumeCopied, VolumeJob } from './volume-job.ts'
import { makeFolder, makeLink, writeFile } from './write-volume.ts'

/** A tar archive on standard input, into a folder of a volume: each file complete or not there. */
export async function streamToVolume(job: VolumeJob, to: Place): Promise<VolumeCopied> {
  const { path: inside, reference } = to as Extract<Place, { kind: 'container' }>
  const { progress, context } = job
  const { folder, name = '' } = await decideInVolume(
    job,
    { type: 'stream', name: '', wantsContents: true },
    inside,
  )
  const target = posix.join(folder, name)
  await makeFolder(job, target)
  const links: { readonly path: Buffer; readonly target: Buffer }[] = []
  const reader = createTarReader(async (entry, content) => {
    const below = entry.name.replace(/^(\.?\/+)+/, '').replace(/\/+$/, '')
    if (below.split('/').includes('..')) throw unsafe(entry.name, 'is a path with ".."')
    if (below === '' || below === '.') return
    // Strings of bytes, as the archive has them.
    const path = Buffer.concat([Buffer.from(`${target}/`), Buffer.from(below, 'latin1')])
    if (entry.type === 'directory') return makeFolder(job, path)
    if (entry.type === 'link') return void links.push({ path, target: Buffer.from(entry.target, 'latin1') })
    if (entry.type !== 'file') {
      const what =
        entry.type === 'hardlink' ? `another name of ${toText(entry.target)}` : 'no file, folder or link'
      return context.output.warn(`Left out: ${toText(entry.name)} is ${what}.`)
    }
    const count = async function* () {
      for await (const bytes of content) {
        progress.bytes += bytes.length
        yield bytes
      }
    }
    const { mode, sizeBytes } = entry
    await writeFile(job, { path, mode, sizeBytes, parents: true, body: count() })
    progress.files++
  })
  let length = 0
  try {
    for await (const bytes of process.stdin as AsyncIterable<Buffer>) {
      length += bytes.length
      await reader.write(bytes)
    }
  } finally {
    // Whoever writes to it may never end.
    process.stdin.destroy()
  }
  if (length === 0)
    throw new GpulabError('copy_failed', { message: 'There is no archive on standard input.' })
  await reader.finish()
  // Last: nothing that is copied goes through them.
  for (const link of links) {
    await makeLink(job, link.path, link.target)
    progress.files++
  }
  return { target: `${reference}:${target}`, resumedBytes: 0 }
}
