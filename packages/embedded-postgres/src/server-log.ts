import { type FileHandle, open, rename, stat } from 'node:fs/promises'

const rotateAboveBytes = 10_000_000

/** One start's part of the server's log. */
export interface ServerLog {
  readonly fd: number
  /** What the server has written since this start. */
  read(): Promise<string>
  close(): Promise<void>
}

/** Opens the log for appending; a large one becomes `.1` first, so that a server never holds more than two. */
export async function openServerLog(file: string): Promise<ServerLog> {
  let handle = await open(file, 'a+', 0o600)
  if ((await handle.stat()).size > rotateAboveBytes) {
    await handle.close()
    await rename(file, `${file}.1`)
    handle = await open(file, 'a+', 0o600)
  }
  const offset = (await stat(file)).size
  return { fd: handle.fd, read: () => readFrom(handle, offset), close: () => handle.close() }
}

async function readFrom(handle: FileHandle, offset: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, offset)
  return buffer.toString('utf8', 0, bytesRead)
}

/** Why a start failed, without time and process: the last fatal line, or what was said before there was a log. */
export function reasonIn(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const line =
    lines.findLast((each) => /(FATAL|PANIC):/.test(each)) ??
    lines.find((each) => each.startsWith('postgres: ')) ??
    lines.at(-1) ??
    'it wrote nothing'
  return withoutPrefix(line)
}

export const withoutPrefix = (line: string): string =>
  line.replace(/^(.*?(FATAL|PANIC|ERROR|LOG)|postgres):\s*/, '').trim()
