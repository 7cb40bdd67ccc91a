import { stripVTControlCharacters } from 'node:util'
import { widthOf } from './table.ts'

export interface FrameSize {
  readonly columns: number
  readonly rows: number
}

export interface Frame {
  /** What a terminal is told to show it. */
  readonly text: string
  readonly height: number
  readonly columns: number
}

const escape = '\u001B['
const clearRestOfLine = `${escape}K`
const clearBelow = `${escape}J`
const toTop = `${escape}H`

/**
 * Lines in place of those of the frame before. The cursor is left below them and is never hidden, so that a terminal is
 * as it should be however the program ends.
 */
export function toFrame(lines: readonly string[], before: Frame | undefined, size: FrameSize): Frame {
  // One row for the cursor. A line to the very edge would lose its last character to the clearing after it.
  const shown = lines.slice(0, Math.max(1, size.rows - 1)).map((line) => cut(line, size.columns - 1))
  const back = before && before.height > 0 ? `\r${escape}${before.height}A` : ''
  // A terminal that got narrower has broken the lines anew: nobody knows where they begin.
  const start = before && before.columns !== size.columns ? toTop : back
  const text = start + shown.map((line) => `${line}${clearRestOfLine}\n`).join('') + clearBelow
  return { text, height: shown.length, columns: size.columns }
}

/** A line that is too long loses its colours too. */
function cut(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(stripVTControlCharacters(line))) {
    if (widthOf(kept + segment) > columns) break
    kept += segment
  }
  return kept
}
