const wide =
  /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\uff01-\uff60\uffe0-\uffe6]/u
const emoji = /^\p{Emoji_Presentation}/u
const gap = '   '

/** Columns that a terminal gives to the text; escape sequences take none. */
export function widthOf(text: string): number {
  if (isPlain(text)) return text.length
  const plain = process.getBuiltinModule('node:util').stripVTControlCharacters(text)
  if (isPlain(plain)) return plain.length
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(plain)) {
    width += wide.test(segment) || emoji.test(segment) ? 2 : 1
  }
  return width
}

const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

/** Left-aligned columns under their headings, without trailing blanks. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [headings, ...rows]
  const widths = headings.map((_, column) =>
    lines.reduce((widest, cells) => Math.max(widest, widthOf(cells[column] ?? '')), 0),
  )
  return lines.map((cells) =>
    cells
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
      .join(gap)
      .trimEnd(),
  )
}
