import type { HostCheck } from '@gpulab/contract'

const marks: Record<HostCheck['level'], string> = { ok: 'ok', warning: 'warning', failure: 'FAILURE' }

export const hasFailure = (checks: readonly HostCheck[]): boolean =>
  checks.some(({ level }) => level === 'failure')

/** A table for people, a line a check. */
export function renderChecks(checks: readonly HostCheck[]): string {
  const width = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length))
  const names = width(checks.map(({ name }) => name))
  const levels = width(checks.map(({ level }) => marks[level]))
  const lines = checks.map(
    ({ name, level, message }) =>
      `  ${marks[level].padEnd(levels)}  ${name.padEnd(names)}  ${message.replaceAll(/\s+/g, ' ')}\n`,
  )
  return lines.join('')
}
