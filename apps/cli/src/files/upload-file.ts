import { GpulabError } from '@gpulab/contract'
import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { posix } from 'node:path'
import { toErrnoFailure, toLocalFailure } from './describe-errno.ts'
import { type FileFacts, inContainer, nonsense, parseFacts, parseHash } from './file-facts.ts'
import { toFacts } from './local-files.ts'
import { toPartName } from './part-name.ts'
import type { Progress } from './progress.ts'
import { busybox, guest, type Toolbox, toToolFailure } from './toolbox.ts'
import { isWorthKeeping, PartDiffers } from './worth-keeping.ts'

const chunkBytes = 256 << 10

export interface FileResult {
  readonly sha256: string
  /** What an earlier copy had brought there already. */
  readonly resumedBytes: number
}

export interface UploadFileInput {
  readonly source: string
  /** Absolute, for the name of the part. */
  readonly sourceId: string
  readonly folder: string
  readonly name: string
}

/** Removes parts of the same copy with another content, and looks at ours. */
const prepare = `for part in "$1/$2"*; do [ "$part" = "$1/$3" ] || ${busybox} rm -f -- "$part"; done
${guest} stat follow "$1/$3" 2>&1`

/** Into a part beside the target first, which a rename makes the file; goes on where an earlier try was interrupted. */
export async function uploadFile(
  toolbox: Toolbox,
  input: UploadFileInput,
  progress: Progress,
): Promise<FileResult> {
  const { source, folder, name } = input
  const handle = await open(source, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw toLocalFailure(error, source)
  })
  try {
    const facts = toFacts(await handle.stat({ bigint: true }))
    if (facts.type !== 'file') throw toErrnoFailure('EINVAL', source)
    progress.totalBytes = facts.sizeBytes
    const partName = toPartName(name, input.sourceId, facts)
    const part = posix.join(folder, partName)
    const offset = await findPart(toolbox, folder, partName, facts)
    const target = posix.join(folder, name)
    const work = { toolbox, handle, facts, part, target, source, progress }
    const sha256 = await send(work, offset).catch((error: unknown) => {
      if (!(error instanceof PartDiffers)) throw error
      return send(work, 0)
    })
    const mode = facts.mode.toString(8)
    const committed = await toolbox.run([guest, 'commit', 'follow', part, name, mode, facts.modified])
    if (committed.exitCode !== 0) {
      await removePart(toolbox, part)
      throw toToolFailure(committed, inContainer(target))
    }
    progress.files++
    return { sha256, resumedBytes: offset }
  } finally {
    await handle.close()
  }
}

async function findPart(
  toolbox: Toolbox,
  folder: string,
  partName: string,
  { sizeBytes }: FileFacts,
): Promise<number> {
  const family = partName.slice(0, partName.lastIndexOf('-') + 1)
  const { stdout } = await toolbox.shell(prepare, [folder === '/' ? '' : folder, family, partName])
  const answer = stdout.trim()
  if (answer === 'ENOENT') return 0
  if (/^E[A-Z0-9]+$/.test(answer)) throw toErrnoFailure(answer, inContainer(folder))
  const found = parseFacts(answer)
  return found.type === 'file' && found.sizeBytes <= sizeBytes ? found.sizeBytes : 0
}

interface Work {
  readonly toolbox: Toolbox
  readonly handle: FileHandle
  readonly facts: FileFacts
  readonly part: string
  /** Of which users know. */
  readonly target: string
  readonly source: string
  readonly progress: Progress
}

/** Gives the hash of the whole, which both sides have made. */
async function send(work: Work, offset: number, isRetry = false): Promise<string> {
  const { toolbox, part, target, facts, progress } = work
  const hash = createHash('sha256')
  const answer = createLines()
  const argv = [guest, 'write', 'follow', part, String(offset)]
  progress.bytes = 0
  try {
    const input = readRest(work, { offset, hash, first: answer.first })
    const ended = await toolbox.run(argv, { input, output: answer.sink })
    if (ended.exitCode !== 0) {
      if (/^EBUSY$/m.test(ended.stderr) && !isRetry) return await takeOver(work, offset)
      throw toToolFailure(ended, inContainer(target))
    }
    const whole = parseHash(answer.lines()[1] ?? '')
    const sha256 = hash.digest('hex')
    if (whole.sha256 === sha256 && whole.sizeBytes === facts.sizeBytes) return sha256
    throw new GpulabError('copy_failed', {
      message: `${inContainer(target)}: what arrived is not what was sent.`,
      hint: 'Something in the container has changed it; copy it again.',
    })
  } catch (error) {
    const isOurs = !(error instanceof PartDiffers) && !isInUse(error)
    if (isOurs && !isWorthKeeping(error, toolbox, progress.bytes)) await removePart(toolbox, part)
    throw error
  }
}

/** A copy whose program was killed may have left its own in the container. */
async function takeOver(work: Work, offset: number): Promise<string> {
  const { isInUse: isBusy } = await work.toolbox.endAbandoned(posix.basename(work.part))
  if (isBusy) throw new GpulabError('copy_in_progress', { hint: 'Wait for it, or end it, and try again.' })
  return send(work, offset, true)
}

const isInUse = (error: unknown): boolean => error instanceof GpulabError && error.code === 'copy_in_progress'

const removePart = (toolbox: Toolbox, part: string): Promise<void> =>
  toolbox.cleanUp(`${busybox} rm -f -- "$1"`, [part])

interface Rest {
  readonly offset: number
  readonly hash: Hash
  /** Hash of what is there already. */
  readonly first: Promise<string>
}

async function* readRest(work: Work, { offset, hash, first }: Rest): AsyncGenerator<Buffer> {
  const { handle, facts, source, progress } = work
  for await (const chunk of readRange(handle, 0, offset)) hash.update(chunk)
  if (offset > 0) {
    const there = parseHash(await first)
    if (there.sha256 !== hash.copy().digest('hex')) throw new PartDiffers()
  }
  progress.bytes = offset
  let at = offset
  for await (const chunk of readRange(handle, offset, facts.sizeBytes)) {
    hash.update(chunk)
    yield chunk
    at += chunk.length
    progress.bytes = at
  }
  const now = toFacts(await handle.stat({ bigint: true }))
  if (at !== facts.sizeBytes || now.sizeBytes !== facts.sizeBytes || now.modified !== facts.modified) {
    throw toErrnoFailure('ESTALE', source)
  }
}

/** Fresh buffers, since what was given is kept until it has arrived. */
async function* readRange(handle: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to;) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, to - at))
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return
    yield chunk.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** Output of few and short lines, the first of which is waited for. */
function createLines() {
  const first = Promise.withResolvers<string>()
  let text = ''
  return {
    first: first.promise,
    sink: (bytes: Uint8Array): Promise<void> => {
      text += Buffer.from(bytes).toString('latin1')
      if (text.length > 4096) return Promise.reject(nonsense())
      if (text.includes('\n')) first.resolve(text.slice(0, text.indexOf('\n')))
      return Promise.resolve()
    },
    lines: () => text.split('\n'),
  }
}
