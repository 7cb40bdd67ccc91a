import { GpulabError } from '@gpulab/contract'
import { createHash, type Hash } from 'node:crypto'
import { constants, writeSync } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toErrnoFailure, toLocalFailure } from './describe-errno.ts'
import { type FileFacts, inContainer, parseFacts, parseHash } from './file-facts.ts'
import { toFileTime } from './file-time.ts'
import { claimPart, syncFolder } from './local-files.ts'
import { toPartName } from './part-name.ts'
import type { Progress } from './progress.ts'
import { SentFile } from './sent-file.ts'
import { guest, type Toolbox, toToolFailure } from './toolbox.ts'
import type { FileResult } from './upload-file.ts'
import { isWorthKeeping, PartDiffers } from './worth-keeping.ts'

export interface DownloadFileInput {
  readonly source: string
  readonly facts: FileFacts
  readonly folder: string
  readonly name: string
}

/** Into a part beside the target first, which a rename makes the file; goes on where an earlier try was interrupted. */
export async function downloadFile(
  toolbox: Toolbox,
  input: DownloadFileInput,
  progress: Progress,
): Promise<FileResult> {
  const { facts, folder, name } = input
  progress.totalBytes = facts.sizeBytes
  const target = join(folder, name)
  try {
    const partName = toPartName(name, `${toolbox.uuid}:${input.source}`, facts)
    const part = await claimPart(folder, partName)
    const offset = part.sizeBytes <= facts.sizeBytes ? part.sizeBytes : 0
    const work = { toolbox, input, part: part.path, progress }
    const sha256 = await receive(work, offset).catch((error: unknown) => {
      if (!(error instanceof PartDiffers)) throw error
      return receive(work, 0)
    })
    await rename(part.path, target).catch(async (error: unknown) => {
      await rm(part.path, { force: true })
      throw error
    })
    await syncFolder(folder)
    progress.files++
    return { sha256, resumedBytes: offset }
  } catch (error) {
    throw toLocalFailure(error, target)
  }
}

interface Work {
  readonly toolbox: Toolbox
  readonly input: DownloadFileInput
  readonly part: string
  readonly progress: Progress
}

async function receive(work: Work, offset: number): Promise<string> {
  const { part, progress } = work
  // A name of ours alone; whatever is there and is no file of ours was not claimed.
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
  const handle = await open(part, flags, 0o600)
  progress.bytes = 0
  try {
    const hash = createHash('sha256')
    await addStart(handle, offset, hash)
    await handle.truncate(offset)
    const sha256 = await receiveRest(work, { handle, offset, hash })
    const { mode, modified } = work.input.facts
    // Bits that would give rights of whoever unpacks it are not the container's to set.
    await handle.chmod(mode & 0o777)
    await handle.utimes(new Date(), toFileTime(Number(modified)))
    await handle.sync()
    return sha256
  } catch (error) {
    const isKept = error instanceof PartDiffers || isWorthKeeping(error, work.toolbox, progress.bytes)
    if (!isKept) await rm(part, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

async function addStart(handle: FileHandle, length: number, hash: Hash): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(1 << 20)
  for (let at = 0; at < length;) {
    const { bytesRead } = await handle.read(chunk, 0, Math.min(chunk.length, length - at), at)
    if (bytesRead === 0) throw new PartDiffers()
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}

async function receiveRest(
  { toolbox, input, progress }: Work,
  { handle, offset, hash }: { handle: FileHandle; offset: number; hash: Hash },
): Promise<string> {
  const { source, facts } = input
  const start = hash.copy().digest('hex')
  let at = offset
  const sent = new SentFile({
    head: ([factsLine = '', startLine = '']) => {
      if (!isSame(parseFacts(factsLine), facts)) throw toErrnoFailure('ESTALE', inContainer(source))
      if (parseHash(startLine).sha256 !== start) throw new PartDiffers()
      progress.bytes = offset
      return facts.sizeBytes - offset
    },
    content: (bytes) => {
      // To the page cache, which takes less time than to hand it to another thread.
      for (let done = 0; done < bytes.length;)
        done += writeSync(handle.fd, bytes, done, bytes.length - done, at + done)
      hash.update(bytes)
      at += bytes.length
      progress.bytes = at
    },
  })
  const ended = await toolbox.run([guest, 'send', 'follow', source, String(offset)], {
    output: async (bytes) => sent.push(bytes),
  })
  if (ended.exitCode !== 0) throw toToolFailure(ended, inContainer(source))
  const [wholeLine = '', factsLine = ''] = sent.finish()
  const sha256 = hash.digest('hex')
  if (!isSame(parseFacts(factsLine), facts)) throw toErrnoFailure('ESTALE', inContainer(source))
  if (parseHash(wholeLine).sha256 !== sha256) {
    throw new GpulabError('copy_failed', {
      message: `${inContainer(source)}: what arrived is not what was sent.`,
    })
  }
  return sha256
}

const isSame = (one: FileFacts, other: FileFacts): boolean =>
  one.type === other.type && one.sizeBytes === other.sizeBytes && one.modified === other.modified
