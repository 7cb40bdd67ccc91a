const width = 20

/** "████░░░░░░░░░░░░░░░░" for a part from 0 to 1; what is beyond counts as all. */
export function formatBar(part: number): string {
  const filled = Math.min(width, Math.max(0, Math.round(part * width)))
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}
