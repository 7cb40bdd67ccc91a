import { formatBar } from '../output/bar.ts'
import type { Output } from '../output/output.ts'
import { formatSize } from '../output/size.ts'

const everyMs = 100

/** Counts what was copied, and shows it to people at a terminal. */
export interface Progress {
  bytes: number
  files: number
  /** Of all that is to come, where it is known. */
  totalBytes: number | undefined
  stop(): void
}

/** "████░░░░ 45% 460 MB of 1 GB · 210 MB/s"; of a tree only what has come. */
export function describeProgress(
  { bytes, files, totalBytes }: Pick<Progress, 'bytes' | 'files' | 'totalBytes'>,
  elapsedMs: number,
): string {
  const rate = `${formatSize(Math.round((bytes * 1000) / Math.max(1, elapsedMs)))}/s`
  if (totalBytes === undefined) return `${formatSize(bytes)}, ${files} files · ${rate}`
  const part = totalBytes === 0 ? 1 : bytes / totalBytes
  return `${formatBar(part)} ${Math.floor(part * 100)}% ${formatSize(bytes)} of ${formatSize(totalBytes)} · ${rate}`
}

export function startProgress(
  { mode }: Output,
  stream: NodeJS.WriteStream,
  env: NodeJS.ProcessEnv,
): Progress {
  const progress: Progress = { bytes: 0, files: 0, totalBytes: undefined, stop: () => {} }
  if (mode !== 'table' || !stream.isTTY || env['TERM'] === 'dumb') return progress
  const start = performance.now()
  const show = (): void => {
    const text = describeProgress(progress, performance.now() - start)
    stream.write(`\r\u001b[K${text.slice(0, (stream.columns || 80) - 1)}`)
  }
  const timer = setInterval(show, everyMs)
  timer.unref()
  progress.stop = () => {
    clearInterval(timer)
    stream.write('\r\u001b[K')
  }
  return progress
}
