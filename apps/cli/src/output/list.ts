import type { Output } from './output.ts'
import { formatTable } from './table.ts'

interface ListView<T> {
  readonly headings: readonly string[]
  readonly toRow: (item: T) => readonly string[]
  readonly toId: (item: T) => string
  /** For people, where the list is empty. */
  readonly ifNone: string
}

/** A table, a bare array, or the ids. */
export function printList<T>(
  output: Output,
  items: readonly T[],
  { headings, toRow, toId, ifNone }: ListView<T>,
): void {
  output.render({
    table: () => {
      for (const line of formatTable(headings, items.map(toRow))) output.line(line)
      if (items.length === 0) output.note(ifNone)
    },
    json: items,
    quiet: items.map(toId),
  })
}

/** "✓ …": what was done. */
export function printDone(output: Output, sentence: string, json: unknown, id: string): void {
  output.render({
    table: () => output.line(`${output.style('green', '✓')} ${sentence}`),
    json,
    quiet: [id],
  })
}
