import { posix } from 'node:path'
import { toNamedPath } from '../../files/place.ts'
import { decideTarget, type Source, type Target } from '../../files/target.ts'
import { findEntry } from '../files.ts'
import type { VolumeJob } from './volume-job.ts'
import { makeFolder } from './write-volume.ts'

/** Where in a volume it goes, with the folders for it. */
export async function decideInVolume(
  { context, uuid, options }: VolumeJob,
  source: Source,
  text: string,
): Promise<Target> {
  const target = toNamedPath(text, '/')
  const find = async (path: string) => (await findEntry(context, uuid, path))?.type
  const [own, parent, inside] = await Promise.all([
    find(target.path),
    find(posix.dirname(target.path)),
    find(posix.join(target.path, source.name)),
  ])
  const decided = decideTarget({ source, target, facts: { own, parent, inside }, parents: options.parents })
  if (decided.makes !== undefined) await makeFolder({ context, uuid }, decided.makes)
  return decided
}
