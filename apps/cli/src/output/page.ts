export const ruler = '━'.repeat(30)
const labelWidth = 13

/** "Label:   value" a line, without what has no value. */
export const formatFacts = (facts: readonly (readonly [string, string | null | undefined])[]): string[] =>
  facts.flatMap(([label, value]) =>
    typeof value === 'string' ? [`${label}:`.padEnd(labelWidth) + value] : [],
  )

/** A title with its lines, or nothing. */
export const formatSection = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)]
