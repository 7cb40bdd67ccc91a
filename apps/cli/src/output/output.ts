import type { styleText } from 'node:util'
import { escapeText } from './escape.ts'

export type Mode = 'table' | 'json' | 'quiet'
type Format = Parameters<typeof styleText>[0]

export interface OutputOptions {
  readonly mode: Mode
  /** `--no-color`. */
  readonly noColor: boolean
}

/** What the three output modes print for one result. */
interface Views {
  readonly table: () => void
  readonly json: unknown
  /** Ids, or the one word asked for, one a line. */
  readonly quiet: readonly string[]
}

export interface Output {
  readonly mode: Mode
  /** A line of data on standard output. */
  line(text: string): void
  /** A hint or progress: for people at a terminal only. */
  note(text: string): void
  /** Always shown, but never beside JSON. */
  warn(text: string): void
  render(views: Views): void
  /** Colours text for standard output. */
  style(format: Format, text: string): string
  /** Colours text for standard error. */
  styleError(format: Format, text: string): string
  readonly isInteractive: boolean
}

interface Writable {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** The standard streams, of the process or in place of them. */
export interface Streams {
  readonly stdout: Writable
  readonly stderr: Writable
  readonly stdin: { readonly isTTY?: boolean }
}

/** Data goes to standard output, everything else to standard error. */
export function createOutput({ mode, noColor }: OutputOptions, streams: Streams = process): Output {
  const { stdout, stderr } = streams
  const { env } = process
  const colorsOut = hasColor(stdout, env, noColor)
  const colorsError = hasColor(stderr, env, noColor)
  const paint = (isOn: boolean, format: Format, text: string): string =>
    // Loaded for terminals only: it takes a millisecond.
    isOn ? process.getBuiltinModule('node:util').styleText(format, text, { validateStream: false }) : text

  const line = (text: string): void => void stdout.write(`${text}\n`)
  return {
    mode,
    line,
    note: (text) => {
      if (mode === 'table' && stderr.isTTY) stderr.write(`${text}\n`)
    },
    warn: (text) => {
      if (mode !== 'json') stderr.write(`gpulab: ${escapeText(text)}\n`)
    },
    render: (views) => {
      if (mode === 'json') line(JSON.stringify(views.json, null, 2))
      else if (mode === 'quiet') for (const id of views.quiet) line(escapeText(id))
      else views.table()
    },
    style: (format, text) => paint(colorsOut, format, text),
    styleError: (format, text) => paint(colorsError, format, text),
    // A getter: standard input is opened by being looked at.
    get isInteractive() {
      return mode !== 'json' && !env['CI'] && Boolean(stderr.isTTY && streams.stdin.isTTY)
    },
  }
}

/** `--no-color` beats everything, then NO_COLOR, then FORCE_COLOR. */
export function hasColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  noColor: boolean,
): boolean {
  if (noColor || env['NO_COLOR']) return false
  if (env['FORCE_COLOR'] && env['FORCE_COLOR'] !== '0') return true
  return Boolean(stream.isTTY) && env['TERM'] !== 'dumb'
}
