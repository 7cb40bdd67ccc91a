import { describe, expect, it } from 'vitest'
import { listWorkload } from './workload.ts'

const count = (fleet: { hosts: number; containers: number }) => {
  const all = [...listWorkload(fleet)]
  const cards = all.reduce((sum, { gpu_count = 0 }) => sum + gpu_count, 0)
  return { all, cards, names: new Set(all.map(({ name }) => name)) }
}

describe('the workload', () => {
  it.each([
    [{ hosts: 1000, containers: 20_000 }, 7200],
    [{ hosts: 20, containers: 400 }, 144],
    [{ hosts: 20, containers: 100 }, 144],
    [{ hosts: 1000, containers: 100 }, 100],
  ])('of %o uses the cards and no more', (fleet, aim) => {
    const { all, cards, names } = count(fleet)
    expect(names.size).toBe(fleet.containers)
    expect(all).toHaveLength(fleet.containers)
    expect(cards).toBeGreaterThan(aim * 0.85)
    expect(cards).toBeLessThanOrEqual(fleet.hosts * 8 * 0.95)
  })

  it('is the same each time', () => {
    const fleet = { hosts: 10, containers: 50 }
    expect([...listWorkload(fleet)]).toEqual([...listWorkload(fleet)])
  })
})
