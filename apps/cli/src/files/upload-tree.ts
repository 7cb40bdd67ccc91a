import { GpulabError } from '@gpulab/contract'
import { posix } from 'node:path'
import { packFolders } from './archive/pack-tree.ts'
import type { TarEntry } from '@gpulab/transport/tar-header'
import { type FileFacts, inContainer } from './file-facts.ts'
import { toPartName } from './part-name.ts'
import type { Target } from './target.ts'
import { busybox, guest, type Toolbox, toToolFailure } from './toolbox.ts'

/** $1 is the staging folder. */
const unpack = `umask 0
${guest} mkdir follow "$1" 700 || exit 71
${busybox} tar -x -o -p -f - -C "$1"`
const existsCode = 71

/** $2 is the name that it gets, with mode $3 and time $4, or nothing: then what is in it is moved out. */
const place = `${busybox} tar -x -o -p -f - -C "$1" || exit 72
if [ -z "$2" ]; then ${guest} merge follow "$1"; else ${guest} commit follow "$1" "$2" "$3" "$4"; fi`

const discard = `${busybox} chmod -R u+rwx "$1"; ${busybox} rm -rf -- "$1"`

export interface UploadTreeInput {
  readonly sourceId: string
  readonly target: Target
  /** Of a folder that is made. */
  readonly facts?: FileFacts
  /** A tar stream in the format that busybox reads; asked for again for a second try. */
  readonly archive: (folders: TarEntry[]) => AsyncIterable<Uint8Array>
}

/** Into a folder beside the target first; a rename makes it the target, or moves what is in it there. */
export async function uploadTree(toolbox: Toolbox, input: UploadTreeInput, isRetry = false): Promise<void> {
  const { target, facts } = input
  const partName = toPartName(target.name ?? '.', input.sourceId)
  const staging = posix.join(target.folder, partName)
  const name = facts ? (target.name ?? '') : ''
  const args = [staging, name, facts?.mode.toString(8) ?? '', facts?.modified ?? '']
  const where = inContainer(posix.join(target.folder, target.name ?? ''))
  let isMade = true
  try {
    const folders: TarEntry[] = []
    const unpacked = await toolbox.shell(unpack, [staging], { input: input.archive(folders) })
    isMade = unpacked.exitCode !== existsCode
    if (!isMade && /^EEXIST$/m.test(unpacked.stderr) && !isRetry)
      return await takeOver(toolbox, input, staging)
    if (unpacked.exitCode !== 0) throw toToolFailure(unpacked, where)
    const placed = await toolbox.shell(place, args, { input: packFolders(folders) })
    if (placed.exitCode !== 0) throw toToolFailure(placed, where)
  } catch (error) {
    if (isMade) await toolbox.cleanUp(discard, [staging])
    throw error
  }
}

/** What a copy that was killed has left is of no use. */
async function takeOver(toolbox: Toolbox, input: UploadTreeInput, staging: string): Promise<void> {
  const { isInUse } = await toolbox.endAbandoned(posix.basename(staging))
  if (isInUse) throw new GpulabError('copy_in_progress', { hint: 'Wait for it, or end it, and try again.' })
  await toolbox.shell(discard, [staging])
  return uploadTree(toolbox, input, true)
}
