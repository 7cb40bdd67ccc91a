import { randomUUID } from 'node:crypto'
import { GuestError, fromErrnoName } from './errors.ts'
import type { GuestConnection } from './guest-connection.ts'
import type { GuestStream } from './guest-stream.ts'

/** What the container says of a file; modes as numbers, times as text, since they are finer than a Date. */
export interface FileFacts {
  readonly type: 'file' | 'directory' | 'link' | 'other'
  readonly mode: number
  readonly sizeBytes: number
  /** Seconds since 1970 with nine decimals. */
  readonly modified: string
}

/** Length and hash of a content. */
export interface ContentHash {
  readonly sizeBytes: number
  readonly sha256: string
}

/** Whether symbolic links on the way are followed. A link at the end of a path is never written through. */
export interface LinkOptions {
  readonly followLinks: boolean
}

/** Deadline for what should take no time, and a larger one for what reads or writes a whole file. */
const quickMs = 30_000
const lineMaxBytes = 4096
/** The guest's own program, whatever path it was started from. */
const program = '/proc/self/exe'

type Path = string | Uint8Array

/** Facts of a file, directory or link. Throws a GuestError with the errno's name. */
export async function statFile(
  connection: GuestConnection,
  path: Path,
  links: LinkOptions,
): Promise<FileFacts> {
  return parseFacts(await runQuick(connection, ['stat', toWord(links), path]))
}

/** Makes one directory; one that is there is `EEXIST`. */
export async function makeDirectory(
  connection: GuestConnection,
  path: Path,
  { mode, ...links }: LinkOptions & { readonly mode: number },
): Promise<void> {
  await runQuick(connection, ['mkdir', toWord(links), path, mode.toString(8)])
}

/** Removes a file or link. */
export async function removeFile(connection: GuestConnection, path: Path, links: LinkOptions): Promise<void> {
  await runQuick(connection, ['remove', toWord(links), path])
}

/** Hash of a file's first bytes, or of all. */
export async function hashFile(
  connection: GuestConnection,
  path: Path,
  { lengthBytes = Number.MAX_SAFE_INTEGER, ...links }: LinkOptions & { readonly lengthBytes?: number },
): Promise<ContentHash> {
  const stream = await startFileProgram(connection, ['sha256', toWord(links), path, String(lengthBytes)], {})
  return parseHash((await readToEnd(stream)).toString())
}

/** A range of a regular file, with the facts of the very file that it is read from. */
export async function readFile(
  connection: GuestConnection,
  path: Path,
  options: LinkOptions & { readonly offset?: number; readonly lengthBytes?: number },
): Promise<{ facts: FileFacts; content: AsyncGenerator<Buffer, void, void>; stop: () => Promise<void> }> {
  const { offset = 0, lengthBytes = Number.MAX_SAFE_INTEGER } = options
  const argv = ['read', toWord(options), path, String(offset), String(lengthBytes)]
  const id = randomUUID()
  const stream = await startFileProgram(connection, argv, { id })
  const chunks = readChunks(stream)
  const { line, rest } = await readLine(chunks)
  const content = async function* (): AsyncGenerator<Buffer, void, void> {
    if (rest.length > 0) yield rest
    yield* chunks
  }
  return { facts: parseFacts(line), content: content(), stop: () => connection.kill(id) }
}

/**
 * Writes a content into a file of another name, from an offset on: what an interrupted write left before it stays.
 * Nothing has its real name until `commitFile`. A source that fails leaves what arrived, to be resumed or removed.
 */
export async function writeTemporaryFile(
  connection: GuestConnection,
  path: Path,
  source: AsyncIterable<Uint8Array>,
  { offset = 0, ...links }: LinkOptions & { readonly offset?: number },
): Promise<ContentHash> {
  const id = randomUUID()
  const argv = ['write', toWord(links), path, String(offset)]
  const stream = await startFileProgram(connection, argv, { id, input: true })
  const written = readToEnd(stream)
  written.catch(() => undefined)
  try {
    for await (const chunk of source) await stream.write(chunk)
  } catch (error) {
    // The program's own reason, a full disk for instance, says more than that it reads no further.
    if (error instanceof GuestError && error.code === 'EPIPE') await written
    // The end of input would say that this was all.
    await connection.kill(id)
    throw error
  }
  await stream.endInput()
  // What was there before it comes first.
  const [, whole = ''] = (await written).toString().split(/(?<=\n)/)
  return parseHash(whole)
}

/** Gives a written file its mode, its time and its name in the same directory, in one step and for good. */
export async function commitFile(
  connection: GuestConnection,
  path: Path,
  { name, mode, modified, ...links }: LinkOptions & { name: Path; mode: number; modified?: string },
): Promise<void> {
  await runQuick(connection, ['commit', toWord(links), path, name, mode.toString(8), modified ?? '-'])
}

const toWord = ({ followLinks }: LinkOptions): string => (followLinks ? 'follow' : 'nofollow')

async function runQuick(connection: GuestConnection, args: readonly Path[]): Promise<string> {
  const stream = await startFileProgram(connection, args, { timeoutMs: quickMs })
  return (await readToEnd(stream)).toString()
}

async function startFileProgram(
  connection: GuestConnection,
  args: readonly Path[],
  options: { id?: string; input?: boolean; timeoutMs?: number },
): Promise<GuestStream> {
  const id = options.id ?? randomUUID()
  const stream = await connection.run({ ...options, id, argv: [program, ...args], lossless: true })
  const forget = (): Promise<void> => connection.forget(id)
  stream.ended.then(forget).catch(() => undefined)
  return stream
}

/** Standard output as it comes. Throws what the program said on standard error when it failed. */
async function* readChunks(stream: GuestStream): AsyncGenerator<Buffer, void, void> {
  let complaint = ''
  for await (const item of stream.output()) {
    if (item.kind === 'stdout') yield item.bytes
    if (item.kind === 'stderr' && complaint.length < lineMaxBytes) complaint += item.bytes.toString()
  }
  const ending = await stream.ended
  if (ending.timedOut) throw new GuestError('stalled', 'The file did not answer in time.')
  if (ending.exitCode !== 0) throw fromErrnoName(ending.failure?.code ?? complaint.trim())
}

async function readToEnd(stream: GuestStream): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of readChunks(stream)) {
    length += chunk.length
    if (length > lineMaxBytes) throw nonsense()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function readLine(chunks: AsyncGenerator<Buffer, void, void>): Promise<{ line: string; rest: Buffer }> {
  let text = Buffer.alloc(0)
  for (;;) {
    const next = await chunks.next()
    if (next.done || text.length > lineMaxBytes) throw nonsense()
    text = Buffer.concat([text, next.value])
    const end = text.indexOf('\n')
    if (end >= 0) return { line: text.subarray(0, end).toString(), rest: text.subarray(end + 1) }
  }
}

const nonsense = (): GuestError => new GuestError('protocol', 'The guest gave nonsense for an answer.')

function parseFacts(line: string): FileFacts {
  const match = /^(file|directory|link|other) ([0-7]{1,4}) (\d{1,15}) (-?\d{1,15}\.\d{9})\n?$/.exec(line)
  const [, type, mode = '', size = '', modified] = match ?? []
  if (!type || !modified) throw nonsense()
  return {
    type: type as FileFacts['type'],
    mode: Number.parseInt(mode, 8),
    sizeBytes: Number(size),
    modified,
  }
}

function parseHash(line: string): ContentHash {
  const [, size, sha256] = /^(\d{1,15}) ([0-9a-f]{64})\n$/.exec(line) ?? []
  if (!size || !sha256) throw nonsense()
  return { sizeBytes: Number(size), sha256 }
}
