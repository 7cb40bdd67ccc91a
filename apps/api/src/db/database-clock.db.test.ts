import { createTestDatabase } from '@gpulab/testing'
import { expect, it, vi } from 'vitest'
import { connect } from './connect.ts'
import { createDatabaseClock } from './database-clock.ts'
import { migrateDatabase } from './migrate.ts'

it("tells the database's time, whatever this machine's clock says", async () => {
  await using database = await createTestDatabase({ migrate: migrateDatabase })
  const connection = connect(database.url)
  try {
    using clock = await createDatabaseClock(connection.db)
    const [row] = await connection.sql<{ now: string }[]>`select clock_timestamp()::text as now`
    const now = new Date(row?.now ?? '')
    expect(Math.abs(clock.now().getTime() - now.getTime())).toBeLessThan(10_000)
    vi.setSystemTime(new Date('2001-01-01T00:00:00Z'))
    expect(clock.now().getFullYear()).toBe(now.getFullYear())
  } finally {
    vi.useRealTimers()
    await connection.close()
  }
})
