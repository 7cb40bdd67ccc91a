interface FittingLines {
  readonly lines: string[]
  /** So many older ones. */
  readonly left_out: number
}

/** The newest lines; of one that is too long alone, its end. */
export function lastThatFit(lines: readonly string[], maxCharacters: number): FittingLines {
  let left = maxCharacters
  let first = lines.length
  while (first > 0) {
    left -= lengthOf(lines[first - 1])
    if (left < 0) break
    first--
  }
  const last = lines.at(-1)
  const isTooLong = last !== undefined && first === lines.length
  const kept = isTooLong ? [endOf(last, maxCharacters)] : lines.slice(first)
  return { lines: kept, left_out: lines.length - kept.length }
}

interface FittingItems {
  readonly items: readonly unknown[]
  readonly left_out: number
}

/** The first items, whole ones. */
export function firstThatFit(items: readonly unknown[], maxCharacters: number): FittingItems {
  let left = maxCharacters
  let count = 0
  while (count < items.length) {
    left -= lengthOf(items[count])
    if (left < 0) break
    count++
  }
  return { items: items.slice(0, count), left_out: items.length - count }
}

/** As it is printed, indented as part of a list, with its comma. */
function lengthOf(value: unknown): number {
  const text = JSON.stringify(value, null, 1)
  return text.length + 2 * text.split('\n').length + 2
}

/** Escapes take up to six characters each. */
function endOf(line: string, maxCharacters: number): string {
  const end = line.slice(-maxCharacters)
  return lengthOf(end) <= maxCharacters ? end : line.slice(-Math.floor(maxCharacters / 6) + 2)
}
