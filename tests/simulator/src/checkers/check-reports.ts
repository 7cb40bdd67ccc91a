import type { History, Violation } from '../history.ts'
import { short } from '../world/short.ts'

/** R19: what is taken in is never older than what was taken in before. */
export function checkOrder({ reports }: Pick<History, 'reports'>): Violation[] {
  const newest = new Map<string, number>()
  return reports.flatMap(({ at, hostUuid, bootId, seq, madeAt }): Violation[] => {
    const before = newest.get(hostUuid) ?? 0
    newest.set(hostUuid, Math.max(before, madeAt))
    if (madeAt >= before) return []
    return [{ rule: 'R19', at, message: `an old report was taken in: ${short(bootId)}#${seq}` }]
  })
}
